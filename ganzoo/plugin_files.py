"""What a run remembers of the plugins that are single files: a copy of each, since no index has them.

A copy is never loaded unasked: code that came with a run's folder runs only where the user names it with ``--plugin``.
"""

from __future__ import annotations

from pathlib import Path

from ganzoo.config import Config
from ganzoo.errors import GanzooError
from ganzoo.folder import RunFolder
from ganzoo.registry import Registry
from ganzoo.textfiles import write_text


def keep_plugins(registry: Registry, config: Config, folder: RunFolder) -> None:
    """Copy the files that the configuration has a part of into the run's folder."""
    owners = [registry.owner(entry) for entry in (*config.recipe.parts, config.dataset)]
    for file in {owner.file for owner in owners if owner.file is not None}:
        folder.plugins.mkdir(exist_ok=True)
        write_text(folder.plugins / file.name, file.read_text(encoding="utf-8"))


def check_plugins(registry: Registry, folder: RunFolder) -> None:
    """Raises GanzooError where a file is loaded that is not what the run was begun with."""
    for copy in _copies(folder):
        loaded = registry.files.get(copy.name)
        if loaded is not None and loaded.read_bytes() != copy.read_bytes():
            raise GanzooError(
                f"{loaded} is not what {folder.path} was begun with; go on with --plugin {copy}, or start anew with "
                f"`ganzoo run --init-from {folder.path}`"
            )


def missing_plugins(registry: Registry, folder: RunFolder) -> str:
    """What to add to the command line, as the end of a message; "" where nothing is missing."""
    missing = [copy for copy in _copies(folder) if copy.name not in registry.files]
    options = " ".join(f"--plugin {copy}" for copy in missing)
    return f"; the run was begun with a plugin from a file, add {options}" if missing else ""


def _copies(folder: RunFolder) -> list[Path]:
    return sorted(folder.plugins.glob("*.py"))
