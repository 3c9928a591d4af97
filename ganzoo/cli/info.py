"""`ganzoo info`: the description of one part. No torch here."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

import click

from ganzoo.cli.completion import complete_part
from ganzoo.cli.list import mention_failures
from ganzoo.cli.suggestions import suggest
from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    Entry,
    ExtractorEntry,
    LauncherEntry,
    LossEntry,
    MetricEntry,
    OptimizerEntry,
    PenaltyEntry,
    StepEntry,
    StoreEntry,
    WeightsEntry,
    marks_of,
)
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.listing import did_you_mean


@click.command()
@click.argument("name", metavar="NAME", shell_complete=complete_part())
def info(name: str) -> None:
    """Explain one part: what it is, its paper, its parameters, an example.

    NAME is the name of any part, e.g. dcgan, wgan-gp, gp, cifar10.
    """
    registry = Registry.load()
    found = registry.find(name)
    if not found:
        names = sorted({known for entries in registry.entries.values() for known in entries})
        raise GanzooError(f"nothing named {name!r}{did_you_mean(name, names)} (installed: {', '.join(names)})")
    for entry in found:
        _explain(registry, entry)
    mention_failures(registry)


def _explain(registry: Registry, entry: Entry) -> None:
    owner = entry.owner
    click.secho(entry.name, bold=True, nl=False)
    click.echo(f"  {entry.kind}, from {owner.distribution} {owner.version}")
    click.echo(entry.summary)
    for line in _facts(entry):
        click.echo(line)
    for title, params in _params(entry):
        if marks := marks_of(params()):
            click.echo(f"marked on the leaderboard: {', '.join(marks)}")
        click.secho(title, bold=True)
        for item in fields(params):
            click.echo(f"  {item.name}: {_type(item)} = {_default(item)}  {item.metadata.get('help', '')}")
    if defaults := getattr(entry, "defaults", {}):
        click.secho("other settings it changes", bold=True)
        for key, value in defaults.items():
            click.echo(f"  {key}={value}")
    for loss, settings in getattr(entry, "tuned", {}).items():
        click.secho(f"and with {loss}", bold=True)
        for key, value in settings.items():
            click.echo(f"  {key}={value}")
    click.secho("example", bold=True)
    click.echo(f"  {_example(registry, entry)}")


def _facts(entry: Entry) -> list[str]:
    facts = [f"paper: {entry.paper}"] if entry.paper else []
    if isinstance(entry, (LossEntry, PenaltyEntry)):
        facts.append(f"formula: {entry.formula}")
    if isinstance(entry, (LossEntry, PenaltyEntry, StepEntry)):
        if entry.needs.per_sample:
            facts.append("needs a discriminator that judges each image by itself (no batch norm)")
        if entry.needs.labels:
            facts.append("needs images with labels")
        if entry.needs.outputs:
            facts.append(f"needs a discriminator that gives {', '.join(entry.needs.outputs)}")
    if isinstance(entry, LossEntry):
        facts.append(f"discriminator steps per generator step: {entry.discriminator_steps}")
        if entry.penalties:
            facts.append(f"adds: {', '.join(entry.penalties)}")
    if isinstance(entry, PenaltyEntry):
        facts.append(f"regularises {'both networks' if entry.network == 'both' else f'the {entry.network}'}")
    if isinstance(entry, (StepEntry, OptimizerEntry)) and not entry.captured:
        facts.append("on CUDA, steps run eagerly with it")
    if isinstance(entry, AugmentationEntry) and entry.reads_border:
        facts.append("needs a loss that puts the border between real and fake at 0")
    if isinstance(entry, (DatasetEntry, LauncherEntry)) and entry.default:
        facts.append("used if none is named")
    if isinstance(entry, (DatasetEntry, WeightsEntry)) and entry.image:
        image = entry.image
        facts.append(f"images: {image.size}x{image.size}, channels: {image.channels}, classes: {image.classes}")
    if isinstance(entry, WeightsEntry):
        if score := entry.score:
            facts.append(f"score: {score.metric} {score.value:.5g}, {score.protocol}")
        facts += [f"size: {entry.size / 2**20:.1f} MiB", f"from: {entry.run}"]
    if isinstance(entry, (DatasetEntry, WeightsEntry)) and entry.licence:
        facts.append(f"licence: {entry.licence}")
    if isinstance(entry, DatasetEntry):
        facts.append(
            f"scored against its {entry.reference} images{' (a demonstration)' if entry.demonstration else ''}"
        )
        if entry.label_sources:
            facts.append(f"labels: data.labels={', '.join(['auto', *entry.label_sources])} or none")
    return facts


def _params(entry: Entry) -> list[tuple[str, type]]:
    if isinstance(entry, ArchitectureEntry):
        found = [("generator", entry.generator_params), ("discriminator", entry.discriminator_params)]
    elif isinstance(entry, LossEntry):
        found = [("loss", entry.params)]
    elif isinstance(entry, PenaltyEntry):
        found = [(f"penalties.{entry.short.replace('-', '_')}", entry.params)]
    elif isinstance(entry, AugmentationEntry):
        found = [("augmentation", entry.params)]
    elif isinstance(entry, DatasetEntry):
        found = [("data.options", entry.params)]
    elif isinstance(entry, StepEntry):
        found = [("step", entry.params)]
    elif isinstance(entry, LauncherEntry):
        found = [("--launcher-set", entry.params)]
    else:
        found = []
    return [(title, params) for title, params in found if fields(params)]


def _type(item: Field[Any]) -> str:
    return item.type if isinstance(item.type, str) else getattr(item.type, "__name__", str(item.type))


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _architecture(registry: Registry, entry: Entry) -> str:
    """Return the name of the architecture that is tuned for the most losses, since it suits any.

    One of the same distribution comes first if the entry needs further outputs of the discriminator.
    """
    needs = getattr(entry, "needs", None)
    own = entry.owner.distribution if needs is not None and needs.outputs else None
    known = registry.of_kind(ArchitectureEntry)
    best = max(known, key=lambda each: (each.owner.distribution == own, len(each.tuned)), default=None)
    return best.name if best else "ARCH"


def _example(registry: Registry, entry: Entry) -> str:
    """Return a command line that runs as it is, except for placeholders such as the PATH of the user's own images."""
    architecture = _architecture(registry, entry)
    loss = next((loss.name for loss in registry.of_kind(LossEntry) if _go_together(loss, entry)), "LOSS")
    if isinstance(entry, ArchitectureEntry):
        suggested = (recipe for recipe, _ in suggest(registry) if recipe.split("+")[0] == entry.name)
        return f"ganzoo run {next(suggested, f'{entry.name}+{loss}')}"
    if isinstance(entry, LossEntry):
        return f"ganzoo run {architecture}+{entry.name}{_conditional(registry, architecture, entry)}"
    if isinstance(entry, PenaltyEntry):
        return f"ganzoo run {architecture}+{loss}+{entry.name}{_conditional(registry, architecture, entry)}"
    if isinstance(entry, (AugmentationEntry, StepEntry)):
        return f"ganzoo run {architecture}+{loss}+{entry.name}"
    if isinstance(entry, OptimizerEntry):
        settings = (f"optimizer.{side}.name={entry.name}" for side in ("generator", "discriminator"))
        return f"ganzoo run {architecture}+{loss} {' '.join(settings)}"
    if isinstance(entry, DatasetEntry):
        location = ":PATH" if entry.takes_location else ""
        return f"ganzoo run {architecture}+{loss} data.name={entry.name}{location}"
    if isinstance(entry, LauncherEntry):
        return f"ganzoo bench --arch {architecture} --loss {loss} --kimg 10 --launcher {entry.name}"
    if isinstance(entry, CommandEntry):
        return f"ganzoo {entry.name} --help"
    if isinstance(entry, StoreEntry):
        return f"ganzoo sample {entry.name}://PLACE"
    if isinstance(entry, WeightsEntry):
        return f"ganzoo sample {entry.name}"
    name = entry.name
    if isinstance(entry, ExtractorEntry):
        metrics = registry.of_kind(MetricEntry)
        name = next((metric.name for metric in metrics if metric.extractor == entry.name), "METRIC")
    return f"ganzoo run {architecture}+{loss} 'metrics.names=[{name}]'"


def _conditional(registry: Registry, architecture: str, entry: LossEntry | PenaltyEntry) -> str:
    """Return the setting for a conditional generator if the entry reads labels and the generator has it, else ""."""
    known = registry.lookup(ArchitectureEntry, architecture)
    has = known is not None and "conditional" in {item.name for item in fields(known.generator_params)}
    return " generator.conditional=true" if entry.needs.labels and has else ""


def _go_together(loss: LossEntry, entry: Entry) -> bool:
    """Return whether a loss works with an augmentation; for a penalty, whether the loss does not already add it."""
    if isinstance(entry, AugmentationEntry) and entry.reads_border:
        return loss.zero_is_border
    return entry.name not in loss.penalties
