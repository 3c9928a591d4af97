"""User edits of a run's ``config.yaml``."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganzoo.config.changes import Changes, changes_between, in_words, refused
from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.run_path import CONFIG
from ganzoo.runs.sealed import is_as_written, is_unsealed
from ganzoo.utils.layers import flatten
from ganzoo.utils.listing import some_of
from ganzoo.utils.safe_yaml import parse_yaml, read_text

logger = logging.getLogger(__name__)
SHOWN = 5  # most settings that a message names


def config_file(registry: Registry, directory: RunDir, *, accept_edits: bool = False) -> Path:
    """Return the file that holds a run's configuration.

    This is ``config.yaml`` if it is as written or was edited on purpose (it has no checksum), or with ``accept_edits``.
    Otherwise it is the newest good checkpoint's copy, and a warning reports the edits or the damage.
    Raises GanzooError if an accepted edit changes a setting that may not change, Damaged if there is no copy.
    """
    content = directory.config_bytes()
    if is_unsealed(content) or is_as_written(content):
        return directory.config_file
    if accept_edits:
        check_changes(edits(registry, directory), directory)
        return directory.config_file
    if (copy := written_config(directory)) and (found := edits_in_words(registry, directory)):
        logger.warning(
            f"{directory.config_file} was edited ({found}), and the copy in {copy.parent} is used; "
            "add --accept-edits to resume or eval to use the edits"
        )
        return copy
    return directory.good_config()


def edits(registry: Registry, directory: RunDir) -> Changes:
    """Return the differences of ``config.yaml`` from the newest good checkpoint's copy; {} if there is no copy.

    Raises GanzooError if ``config.yaml`` is not a configuration.
    """
    if (copy := written_config(directory)) is None:
        return {}
    before, after = (resolve(registry, None, file, kept=True) for file in (copy, directory.config_file))
    return changes_between(before.as_dict(), after.as_dict())


def edits_in_words(registry: Registry, directory: RunDir) -> str:
    """Describe the edits of ``config.yaml``; "" if it is damaged: it is not a configuration, or lacks settings."""
    with suppress(GanzooError, OSError, ValueError):
        copy = written_config(directory)
        if copy is not None and _keys(copy) <= _keys(directory.config_file):
            return clipped(edits(registry, directory))
    return ""


def written_config(directory: RunDir) -> Path | None:
    """Return the newest good checkpoint's copy of the configuration; None if there is none."""
    good = directory.newest_good()
    return None if good is None or CONFIG not in good.files else good.path / CONFIG


def check_changes(changes: Changes, directory: RunDir) -> None:
    """Raise a GanzooError that names the settings if any of these changes is not allowed in a run."""
    wrong = refused(changes.keys())
    if wrong:
        raise GanzooError(
            f"{some_of(wrong, SHOWN)} cannot change in a run that has begun; start another run from its "
            f"weights with `ganzoo run ... --init-from {directory.path}`"
        )


def clipped(changes: Changes) -> str:
    """Describe the first changes in words, and say how many more there are."""
    return some_of([in_words({key: both}) for key, both in changes.items()], SHOWN)


def _keys(file: Path) -> set[str]:
    content: Any = parse_yaml(read_text(file))
    return {key for key, _ in flatten(content)} if isinstance(content, dict) else set()
