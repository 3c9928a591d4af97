"""The configuration of a run: dataclasses with types, defaults and bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.config.recipe import Recipe
from ganzoo.entries import (
    DatasetEntry,
    Entry,
    ExtractorEntry,
    MetricEntry,
    OptimizerEntry,
    above_zero,
    at_least,
    marks_of,
    param,
)
from ganzoo.utils.colours import parse_colour
from ganzoo.utils.kimg import images_of
from ganzoo.utils.safe_yaml import write_yaml
from ganzoo.utils.structured import literal

# Values of data.labels. The last one is how runs worked before this setting existed.
LABELS = ("auto", "folders", "json", "none", "json-or-none")
# Values of data.formats: all that can be read now, and what could be read before this setting existed.
ALL, BASIC = "all", "basic"
# Values of data.fit.
CROP, PAD, STRETCH = "crop", "pad", "stretch"


def _one_of(config: object, name: str, *choices: str) -> None:
    if getattr(config, name) not in choices:
        raise ValueError(f"{name} is {getattr(config, name)!r}, must be one of {', '.join(choices)}")


@dataclass
class DataConfig:
    name: str = param("", "a data set, folder:PATH or zip:PATH; default: the one that comes with the zoo")
    split: str = param("train", "which split to train on")
    size: int | None = param(None, "resize to this height and width; null: native")
    root: str | None = param(None, "where data sets are kept; null: GANZOO_DATA or ~/.cache/ganzoo/data")
    channels: str = param("auto", "1 for grey, 3 for colour; auto: what most images have, converting the rest")
    labels: str = param(
        "auto", "auto, folders (a class each), json (dataset.json) or none; auto: json if it exists, or else folders"
    )
    fit: str = param(CROP, "with data.size, how to make an image square: crop (its centre), pad or stretch")
    background: str | None = param(
        None, "colour (white, #rrggbb) behind transparent pixels and padded images; null: transparency is refused"
    )
    formats: str = param(ALL, "all image files that can be read, or basic: 8-bit PNG, JPEG and WebP without alpha")
    mirror: bool = param(False, "flip half of the images left to right")
    skip_bad: bool = param(False, "skip images that cannot be used, and count them, instead of stopping")

    def __post_init__(self) -> None:
        at_least(self, 4, "size")
        _one_of(self, "split", "train", "test")
        _one_of(self, "channels", "auto", "1", "3")
        _one_of(self, "labels", *LABELS)
        _one_of(self, "fit", CROP, PAD, STRETCH)
        _one_of(self, "formats", ALL, BASIC)
        if self.background is not None:
            try:
                parse_colour(self.background)
            except ValueError as error:
                raise ValueError(f"background is {error}") from None

    @property
    def params(self) -> Any:
        """The parameters of the data set's source, ``data.options``; None if its entry has none."""
        return getattr(self, "options", None)


@dataclass
class OptimizerConfig:
    name: str = param("adam", "a registered optimizer, or one of timm")
    lr: float = param(2e-4, "learning rate")
    betas: list[float] = param([0.5, 0.999], "Adam's moment decays")
    weight_decay: float = param(0.0, "weight decay")
    options: dict[str, Any] = param({}, "further arguments of a registered optimizer, by name")

    def __post_init__(self) -> None:
        above_zero(self, "lr")
        at_least(self, 0, "weight_decay")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas is {list(self.betas)}, must be two numbers from 0 to below 1")


@dataclass
class OptimizersConfig:
    generator: OptimizerConfig = field(default_factory=OptimizerConfig)
    discriminator: OptimizerConfig = field(default_factory=OptimizerConfig)


@dataclass
class EMAConfig:
    half_life_kimg: float = param(5.0, "half-life of the generator's moving average, in kimg")
    ramp_up: float = param(0.1, "half-life at most this share of the images shown so far")

    def __post_init__(self) -> None:
        at_least(self, 0, "half_life_kimg")
        above_zero(self, "ramp_up")


MACHINE_CHOICES = ("threads", "precision", "layout")  # of LoopConfig: may be chosen for each machine, by measuring


@dataclass
class LoopConfig:
    kimg: float = param(100.0, "budget: thousands of real images shown to the discriminator")
    batch: int = param(64, "images in one step")
    accumulate: int = param(1, "split each batch into N parts and average their gradients, to save memory")
    discriminator_steps: int | None = param(None, "discriminator steps per generator step; null: the loss's own")
    fresh_fakes: bool = param(False, "draw new fakes for the generator's step instead of the discriminator's last ones")
    schedule: str = param("constant", "learning rate over the run: constant, cosine or linear (to zero)")
    hold: float = param(0.0, "share of the run with a constant learning rate, before the schedule begins")
    clip_grad: float | None = param(None, "clip the norm of each network's gradient")
    precision: str = param("auto", "auto, float32, bf16 or fp16; auto: the fastest for the device")
    device: str = param("auto", "auto, cpu, cuda, cuda:N or mps (Apple silicon)")
    threads: int | None = param(None, "CPU threads of each process; null: OMP_NUM_THREADS, else one per processor")
    layout: str = param(
        "auto", "order in memory: auto, channels_last or contiguous; auto: contiguous on mps, channels_last elsewhere"
    )
    calibrate: bool = param(False, "on a CPU, measure at the start which threads, precision and layout are fastest")
    capture: bool = param(True, "on CUDA, replay each kind of step as one graph instead of running it from Python")
    log_kimg: float = param(1.0, "kimg between lines of the log")
    snapshot_kimg: float | None = param(
        None, "kimg between checkpoints and grids; null: a tenth of the run, or less if scores are taken more often"
    )
    keep: int = param(2, "newest checkpoints kept, besides the best one; with 1, a damaged one has no replacement")
    on_nan: str = param("stop", "at NaN, exploding gradients or a dead network: stop or rollback")
    max_rollbacks: int = param(3, "rollbacks at most; each uses another data order and half the learning rate")

    @property
    def images(self) -> int:
        """The budget in images."""
        return images_of(self.kimg)

    def __post_init__(self) -> None:
        above_zero(self, "kimg", "clip_grad", "log_kimg", "snapshot_kimg")
        at_least(self, 1, "batch", "accumulate", "discriminator_steps", "threads", "keep")
        at_least(self, 0, "max_rollbacks")
        if self.batch % self.accumulate:
            raise ValueError(f"accumulate is {self.accumulate}, must divide the batch of {self.batch}")
        for name, value, most in (("kimg", self.kimg, "1e12"), ("threads", self.threads or 1, "1024")):
            if value > float(most):
                raise ValueError(f"{name} is {value:g}, must be at most {most}")
        if not 0 <= self.hold < 1:
            raise ValueError(f"hold is {self.hold}, must be from 0 to below 1")
        _one_of(self, "schedule", "constant", "cosine", "linear")
        _one_of(self, "precision", "auto", "float32", "bf16", "fp16")
        _one_of(self, "layout", "auto", "channels_last", "contiguous")
        _one_of(self, "on_nan", "stop", "rollback")
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise ValueError(f"device is {self.device!r}, must be auto, cpu, mps, cuda or cuda:N")


@dataclass
class MetricsConfig:
    names: list[str] = param([], "metrics to compute; the first one ranks the run; [] for none")
    fakes: int = param(10000, "generated images per score")
    times: int = param(1, "number of scores over the run, each at a snapshot, the last at the end")
    every_kimg: float | None = param(None, "instead of times: kimg between scores, taken at snapshots and at the end")
    weights: Any = param(
        None, "the extractor's weights: FILE, or {EXTRACTOR: FILE} for several; null: in the extractor's usual places"
    )
    inception: str | None = param(
        None, "weights of the extractor inception; null: GANZOO_INCEPTION, else the offline extra, else a download"
    )
    mode: str = param(
        "exact", "exact (float32), fast (the device's fastest precision), or reference (the features' original code)"
    )
    mode_between: str = param("fast", "mode of the scores before the last one, for the curve and the best checkpoint")
    seed: int = param(0, "seed of the latents and noise that are scored")
    reference: str | None = param(
        None, "score against SET, SET:SPLIT or statistics in FILE.npz; null: the reference split of data.name"
    )

    def __post_init__(self) -> None:
        at_least(self, 2, "fakes")
        at_least(self, 1, "times")
        above_zero(self, "every_kimg")
        given = self.weights
        files = [given] if isinstance(given, str) else [*given, *given.values()] if isinstance(given, dict) else [given]
        if given is not None and not all(isinstance(file, str) and file for file in files):
            raise ValueError(f"weights is {given!r}, must be a file or {{EXTRACTOR: FILE}}")
        for name in ("mode", "mode_between"):
            _one_of(self, name, "exact", "fast", "reference")


@dataclass
class CoreConfig:
    recipe: str
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizersConfig = field(default_factory=OptimizersConfig)
    ema: EMAConfig = field(default_factory=EMAConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)


class RunConfig(CoreConfig):
    """All settings of a run: the core's, and its parts' parameters, whose dataclasses the core does not know.

    Only for type checkers: :func:`ganzoo.config.sections.schema_of` makes the dataclass of a recipe.
    """

    generator: Any
    discriminator: Any
    loss: Any
    penalties: Any
    augmentation: Any
    step: Any


@dataclass(frozen=True)
class ReferenceSet:
    """A data set to score against. name: the name without the split, as in ``data.name``."""

    entry: DatasetEntry
    location: str | None
    name: str
    split: str


@dataclass(frozen=True)
class Scoring:
    """The settings of a score, and the installed entries that they name.

    metrics: the metrics that rank, then the others, each in the order of the settings. extractors: by a metric's name,
    the extractor that it reads. weights: by an extractor's name, its file. problem: why no score can be computed, such
    as a metric that is not installed; "" if it can. reference: the data set or the file of statistics that
    ``metrics.reference`` names; None without one.
    """

    settings: MetricsConfig
    metrics: tuple[MetricEntry, ...] = ()
    extractors: Mapping[str, ExtractorEntry] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    reference: ReferenceSet | Path | None = None

    @property
    def used(self) -> tuple[ExtractorEntry, ...]:
        """The extractors in the order of the metrics, without duplicates."""
        return tuple({entry.name: entry for entry in self.extractors.values()}.values())


@dataclass(frozen=True)
class Config:
    """A checked configuration and the entries that it names.

    values: all settings, as dataclasses. location: the path or address after the data set's name, or None. optimizers:
    the registered optimizers that are used, by name.
    """

    values: RunConfig
    recipe: Recipe
    dataset: DatasetEntry
    location: str | None
    scoring: Scoring
    optimizers: Mapping[str, OptimizerEntry] = field(default_factory=dict)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that training needs: the recipe's parts, the data set and registered optimizers; no metrics."""
        return (*self.recipe.parts, self.dataset, *self.optimizers.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain containers, for YAML and JSON."""
        return asdict(self.values)

    @property
    def discriminator_steps(self) -> int:
        """The number of discriminator steps for each generator step."""
        steps: int = self.values.loop.discriminator_steps or self.recipe.loss.discriminator_steps
        return steps

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of all parts, which a reader of a score must know, without duplicates."""
        values = self.values
        parts = [values.generator, values.discriminator, values.loss, *vars(values.penalties).values()]
        parts.append(values.data.params)
        parts += [getattr(values, entry.kind) for entry in self.recipe.extras]
        return tuple(dict.fromkeys(mark for part in parts for mark in marks_of(part)))

    def to_yaml(self) -> str:
        """Return the resolved configuration as YAML, with every setting that is needed to repeat the run."""
        return write_yaml(literal(self.as_dict()))
