"""Write ``docs/catalogue.md``, all parts that ganzoo itself registers: ``python docs/make_catalogue.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    DatasetEntry,
    Entry,
    ExtractorEntry,
    LossEntry,
    MetricEntry,
    OptimizerEntry,
    PenaltyEntry,
    StepEntry,
    WeightsEntry,
)
from ganzoo.plugin.registry import Registry

FILE = Path(__file__).with_name("catalogue.md")
SECTIONS: tuple[tuple[type[Entry], str], ...] = (
    (ArchitectureEntry, "Architectures"),
    (LossEntry, "Losses"),
    (PenaltyEntry, "Penalties"),
    (AugmentationEntry, "Augmentations"),
    (StepEntry, "Steps"),
    (OptimizerEntry, "Optimizers"),
    (DatasetEntry, "Data sets"),
    (ExtractorEntry, "Extractors"),
    (MetricEntry, "Metrics"),
    (WeightsEntry, "Trained generators"),
)
HEAD = """\
# Catalogue

Written by `python docs/make_catalogue.py` from what `ganzoo` itself registers. A recipe joins these names:
`ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...][+AUGMENTATION][+STEP]`. In formulas D and G are the two losses, d_real and
d_fake the discriminator's logits, E a mean over the batch. `ganzoo info NAME` shows the same of any installed part.
"""


def page() -> str:
    """Return the content of ``catalogue.md``."""
    registry = Registry.load(files=[])
    parts = [HEAD]
    for cls, title in SECTIONS:
        own = [entry for entry in registry.entries[cls.kind].values() if entry.owner.distribution == "ganzoo"]
        if own:
            parts.append(f"## {title}\n")
        parts += ["\n".join(lines(entry)) for entry in sorted(own, key=lambda entry: entry.name)]
    return "\n".join(parts)


def lines(entry: Entry) -> Iterator[str]:
    """Yield the lines of one part's section."""
    yield f"### {entry.name}\n"
    yield f"{entry.summary}{'' if entry.summary.endswith('?') else '.'}\n"
    yield from (f"- {fact}" for fact in facts(entry))
    yield ""
    rows = list(parameters(entry))
    if rows:
        yield "| parameter | default | |"
        yield "| --- | --- | --- |"
        yield from rows
        yield ""


def facts(entry: Entry) -> Iterator[str]:
    """Yield the facts about a part, such as its paper, its formula, its needs and the settings that it changes."""
    if entry.paper:
        yield f"Paper: {entry.paper}"
    if isinstance(entry, (LossEntry, PenaltyEntry)):
        yield f"Formula: `{entry.formula}`"
    if isinstance(entry, LossEntry):
        if entry.discriminator_steps > 1:
            yield f"{entry.discriminator_steps} discriminator steps for each generator step"
        if entry.penalties:
            yield f"Brings: {', '.join(f'`{name}`' for name in entry.penalties)}"
    if isinstance(entry, PenaltyEntry) and entry.network != "discriminator":
        yield "In the losses of both networks" if entry.network == "both" else "In the generator's loss"
    if isinstance(entry, (LossEntry, PenaltyEntry)):
        yield from needs(entry)
    if isinstance(entry, AugmentationEntry) and entry.reads_border:
        yield "Needs a loss whose border between real and fake is 0"
    if isinstance(entry, DatasetEntry):
        shown = ", a demonstration" if entry.demonstration else ""
        yield f"Scored against its {entry.reference} images{shown}"
        if entry.label_sources:
            yield f"Labels: `data.labels={'`, `'.join(['auto', *entry.label_sources])}` or `none`"
        if entry.licence:
            yield f"Licence: {entry.licence}"
    if isinstance(entry, WeightsEntry):
        if score := entry.score:
            yield f"Score: {score.metric} {score.value:.4g}, {score.protocol}"
        yield f"Size: {entry.size / 2**20:.1f} MiB"
        yield f"Licence: {entry.licence}"
    changes: Mapping[str, Any] = getattr(entry, "defaults", {})
    if changes:
        yield f"Settings: {', '.join(f'`{key}={value}`' for key, value in changes.items())}"
    for other, tuned in getattr(entry, "tuned", {}).items():
        yield f"With `{other}`: {', '.join(f'`{key}={value}`' for key, value in tuned.items())}"


def needs(entry: LossEntry | PenaltyEntry) -> Iterator[str]:
    """Yield what a loss or a penalty needs from the discriminator and the data, and whether it takes patch logits."""
    if entry.needs.per_sample:
        yield "Needs a discriminator that judges each image by itself"
    if entry.needs.labels:
        yield "Needs labels"
    if entry.needs.outputs:
        yield f"Needs a discriminator that gives {', '.join(f'`{name}`' for name in entry.needs.outputs)}"
    if entry.patches:
        yield "Takes logits of patches too"


def parameters(entry: Entry) -> Iterator[str]:
    """Yield a table row for each parameter, with the key that sets it."""
    groups: list[tuple[str, type]] = []
    if isinstance(entry, ArchitectureEntry):
        groups = [("generator", entry.generator_params), ("discriminator", entry.discriminator_params)]
    elif isinstance(entry, (LossEntry, AugmentationEntry, StepEntry)):
        groups = [(entry.kind, entry.params)]
    elif isinstance(entry, PenaltyEntry):
        groups = [(f"penalties.{entry.name.replace('-', '_')}", entry.params)]
    elif isinstance(entry, DatasetEntry):
        groups = [("data.options", entry.params)]
    for group, params in groups:
        for item in fields(params):
            default = item.default if item.default_factory is MISSING else item.default_factory()
            yield f"| `{group}.{item.name}` | {default} | {item.metadata.get('help', '')} |"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
