"""What a run remembers of the plugins that are single files: a copy of each, since no index has them.

A copy is never loaded unasked: code that came with a run's folder runs only where the user names it with ``--plugin``.
"""

from __future__ import annotations

from pathlib import Path

from ganzoo.config.schema import Config
from ganzoo.errors import GanzooError
from ganzoo.runs.run_dir import RunFolder
from ganzoo.utils.files import write_text


def keep_plugins(config: Config, folder: RunFolder) -> None:
    """Copy the plugin files of the configuration's parts into the run's directory."""
    for file in {entry.owner.file for entry in config.entries if entry.owner.file is not None}:
        folder.plugins.mkdir(exist_ok=True)
        write_text(folder.plugins / file.name, file.read_text(encoding="utf-8"))


def check_plugins(config: Config, folder: RunFolder) -> None:
    """Raise GanzooError if a part's plugin file is not the one that the run was begun with."""
    files = {entry.owner.file.name: entry.owner.file for entry in config.entries if entry.owner.file is not None}
    for name, copy in copies(folder).items():
        loaded = files.get(name)
        if loaded is not None and loaded.read_bytes() != copy.read_bytes():
            raise GanzooError(
                f"{loaded} is not what {folder.path} was begun with; go on with --plugin {copy}, or start anew with "
                f"`ganzoo run --init-from {folder.path}`"
            )


def copies(folder: RunFolder) -> dict[str, Path]:
    """What was kept, by the file's name."""
    return {copy.name: copy for copy in sorted(folder.plugins.glob("*.py"))}
