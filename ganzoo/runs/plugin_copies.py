"""A run's copies of the plugins that are single files, since no package index has them.

A copy is never loaded by default: code from a run's directory runs only if the user names it with ``--plugin``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import IO

from ganzoo.config.schema import Config
from ganzoo.errors import GanzooError
from ganzoo.runs.requirements import parts_of
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import write_whole


def keep_plugins(config: Config, directory: RunDir) -> None:
    """Copy the plugin files of the configuration's parts into the run's directory."""
    for file in {entry.owner.file for entry in parts_of(config) if entry.owner.file is not None}:
        directory.plugins.mkdir(exist_ok=True)
        write_whole(directory.plugins / file.name, partial(_copy, file))


def _copy(file: Path, stream: IO[bytes]) -> None:
    stream.write(file.read_bytes())


def check_plugins(config: Config, directory: RunDir) -> None:
    """Raise GanzooError if a part's plugin file differs from the one that the run was begun with."""
    files = {entry.owner.file.name: entry.owner.file for entry in parts_of(config) if entry.owner.file is not None}
    for name, copy in copies(directory).items():
        loaded = files.get(name)
        if loaded is not None and loaded.read_bytes() != copy.read_bytes():
            raise GanzooError(
                f"{loaded} differs from the copy that {directory.path} began with; continue with --plugin {copy}, "
                f"or start again with `ganzoo run --init-from {directory.path}`"
            )


def copies(directory: RunDir) -> dict[str, Path]:
    """Return the run's copies, by the file's name."""
    return {copy.name: copy for copy in sorted(directory.plugins.glob("*.py"))}
