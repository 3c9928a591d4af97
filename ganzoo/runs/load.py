"""Load a run's configuration, unchanged or with other settings, and a checkpoint's averaged generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ganzoo.config.changes import Changes, changes_between
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.config.settings import read_settings
from ganzoo.data.factory import peek_configured
from ganzoo.distributed.device import placed
from ganzoo.entries import ExtractorEntry, MetricEntry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.models.build import build_generator, check_image
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.edits import check_changes, config_file, edits_in_words, written_config
from ganzoo.runs.plugin_copies import copies
from ganzoo.runs.requirements import check_needs, with_own_parts
from ganzoo.runs.revision import Revision
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.sealed import is_as_written, is_unsealed

SCORING = (MetricEntry.kind, ExtractorEntry.kind)  # kinds of entries that only scoring needs


def revise(
    registry: Registry, directory: RunDir, settings: Sequence[str] = (), *, accept_edits: bool = False
) -> Revision:
    """Return the configuration to resume a run with: changed by ``settings``, and by edits of ``config.yaml``.

    A ``config.yaml`` without its first line was edited on purpose, since that line says to remove it then. Raises
    GanzooError as :func:`load_config` does, and for a setting that may not change.
    """
    registry, content = with_own_parts(registry, directory.needs()), directory.config_bytes()
    on_purpose, as_written = is_unsealed(content), is_as_written(content)
    edited = on_purpose or (accept_edits and not as_written)
    if settings and not (edited or as_written) and (found := edits_in_words(registry, directory)):
        raise GanzooError(f"{directory.config_file} was edited too ({found}); add --accept-edits, or undo the edits")
    kept = [setting for setting in settings if not setting.startswith("recipe=")]
    config = load_config(registry, directory, kept, scoring=True, accept_edits=accept_edits)
    changes: Changes = {}
    if edited or settings:
        before = (written_config(directory) if edited else None) or config_file(registry, directory)
        changes = changes_between(resolve(registry, None, before, kept=True).as_dict(), config.as_dict())
    recipe = read_settings(settings).get("recipe", str(config.recipe))
    check_changes(changes if recipe == str(config.recipe) else {"recipe": (str(config.recipe), recipe)}, directory)
    return Revision(config, changes, edited, bool(changes) or (edited and not on_purpose))


def load_config(
    registry: Registry,
    directory: RunDir,
    settings: Sequence[str] = (),
    *,
    scoring: bool = False,
    accept_edits: bool = False,
) -> Config:
    """Return the configuration that a run was started with, changed by ``settings``.

    accept_edits: use a ``config.yaml`` that the user edited; its edits must be of settings that may change.

    Raises GanzooError first of all if a plugin that the run needs is missing, with the paths of the run's copies of
    plugin files; plugins of metrics and extractors are needed only for ``scoring``. Differing versions are logged.
    """
    needs, place, kept = directory.needs(), str(directory.path), copies(directory)
    registry = with_own_parts(registry, needs)
    check_needs([need for need in needs if need.kind not in SCORING], registry.plugins, place, kept)
    config = resolve(registry, None, config_file(registry, directory, accept_edits=accept_edits), settings, kept=True)
    if scoring:
        entries = (*config.scoring.metrics, *config.scoring.used)
        names = {name for entry in entries for name in (entry.name, entry.short)} | set(config.values.metrics.names)
        check_needs([n for n in needs if n.kind in SCORING and n.name in names], registry.plugins, place, kept)
    return config


def load_generator(
    registry: Registry,
    path: Path,
    checkpoint: str,
    device: torch.device,
) -> Generator:
    """Load a run's averaged generator from the named checkpoint, as :func:`restore_generator` does."""
    directory = RunDir.open(path)
    config = load_config(registry, directory)
    return restore_generator(config, directory.checkpoint(checkpoint), device)


def restore_generator(config: Config, checkpoint: Checkpoint, device: torch.device) -> Generator:
    """Load a checkpoint's averaged generator, in evaluation mode on the device.

    The data set is read only if an older version wrote the checkpoint, without the image spec. Raises GanzooError if
    the weights are damaged or do not fit the configuration.
    """
    spec = checkpoint.image or peek_configured(config)
    check_image(config, spec)
    generator = build_generator(config, spec)
    checkpoint.load_weights("ema", generator)
    return placed(generator, device).eval()
