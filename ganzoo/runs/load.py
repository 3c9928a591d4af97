"""A run's configuration and a checkpoint's averaged generator."""

from __future__ import annotations

from pathlib import Path

import torch

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.data.factory import peek_configured
from ganzoo.distributed.device import memory_format
from ganzoo.entries import ExtractorEntry, MetricEntry
from ganzoo.interfaces import Generator
from ganzoo.models.build import build_generator, check_image
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.plugin_copies import copies
from ganzoo.runs.requirements import check_needs
from ganzoo.runs.run_dir import RunDir

SCORING = (MetricEntry.kind, ExtractorEntry.kind)  # what scoring alone needs


def load_config(
    registry: Registry,
    directory: RunDir,
    settings: tuple[str, ...] = (),
    *,
    scoring: bool = False,
) -> Config:
    """The configuration a run was started with, changed by ``settings``.

    Raises GanzooError first if a plugin that the run needs is missing; its metrics' and extractors' plugins are needed
    for ``scoring`` alone. The error says where the plugin files are that the run was started with. Other versions are
    logged.
    """
    needs, place, kept = directory.needs(), str(directory.path), copies(directory)
    check_needs([need for need in needs if need.kind not in SCORING], registry.plugins, place, kept)
    config = resolve(registry, None, directory.good_config(), settings, kept=True)
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
    """Load a run's averaged generator, as :func:`restore_generator`, from the checkpoint of that name."""
    directory = RunDir.open(path)
    config = load_config(registry, directory)
    return restore_generator(config, directory.checkpoint(checkpoint), device)


def restore_generator(config: Config, checkpoint: Checkpoint, device: torch.device) -> Generator:
    """Load a checkpoint's averaged generator, in evaluation mode on the device. The data set need not be there.

    Raises GanzooError if the weights are damaged or do not fit the configuration.
    """
    spec = checkpoint.image or peek_configured(config)
    check_image(config, spec)
    generator = build_generator(config, spec)
    checkpoint.load_weights("ema", generator)
    return generator.to(device).to(memory_format=memory_format(device)).eval()
