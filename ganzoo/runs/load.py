"""A run's configuration and its averaged generator, from its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.data.factory import peek_configured
from ganzoo.entries import ExtractorEntry, MetricEntry
from ganzoo.interfaces import Generator
from ganzoo.models.build import build_generator, check_picture
from ganzoo.plugin.registry import Registry
from ganzoo.runs.plugin_copies import copies
from ganzoo.runs.requirements import Need, check_needs
from ganzoo.runs.run_dir import RunFolder

SCORING = (MetricEntry.kind, ExtractorEntry.kind)  # what scoring alone needs


def load_config(
    registry: Registry,
    folder: RunFolder,
    settings: tuple[str, ...] = (),
    *,
    scoring: bool = False,
    warn: Callable[[str], None] = lambda message: None,
) -> Config:
    """The configuration a run was started with, changed by ``settings``.

    Raises GanzooError, before anything else can fail, where a plugin is not there that the run needs; its metrics' and
    extractors' are needed for ``scoring`` alone. It says where the plugin files are that the run was started with.
    ``warn`` is told of plugins in other versions.
    """
    needs, place, kept = folder.needs(), str(folder.path), copies(folder)
    check_needs([need for need in needs if need.kind not in SCORING], registry, place, warn, kept)
    config = resolve(registry, None, folder.good_config(warn), settings)
    if scoring:
        check_needs(_scored(needs, config, registry), registry, place, copies=kept)
    return config


def _scored(needs: Iterable[Need], config: Config, registry: Registry) -> list[Need]:
    """What this configuration's metrics need: themselves and their extractors."""
    names = set(config.values.metrics.names)
    metrics = (registry.lookup(MetricEntry, name) for name in names)
    names |= {metric.extractor.rpartition(":")[2] for metric in metrics if metric is not None}
    return [need for need in needs if need.kind in SCORING and need.name in names]


def load_generator(
    registry: Registry,
    path: Path,
    checkpoint: str,
    device: torch.device,
    warn: Callable[[str], None] = lambda message: None,
) -> Generator:
    """A run's averaged generator, in evaluation mode on the device. The data need not be there."""
    folder = RunFolder.open(path)
    config = load_config(registry, folder, warn=warn)
    found = folder.checkpoint(checkpoint, warn)
    spec = found.picture or peek_configured(registry, config.values.data)
    check_picture(config, spec)
    generator = build_generator(config, spec)
    found.load_weights("ema", generator)
    return generator.to(device).to(memory_format=torch.channels_last).eval()
