"""What a plugin registers: plain metadata, a dataclass of parameters, and an import string.

Nothing here imports torch, so that listing and explaining the zoo stays fast. The classes that an entry points to
(``"module:Name"``) implement the abstract classes of :mod:`ganzoo.interfaces`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ganzoo.entry import Entry as Entry
from ganzoo.entry import ImageSpec as ImageSpec
from ganzoo.entry import Needs as Needs
from ganzoo.entry import Owner as Owner
from ganzoo.entry import TargetEntry as TargetEntry
from ganzoo.entry import load_target as load_target
from ganzoo.params import NoParams, PenaltyParams
from ganzoo.params import above_zero as above_zero
from ganzoo.params import at_least as at_least
from ganzoo.params import finite as finite
from ganzoo.params import marks_of as marks_of
from ganzoo.params import param as param
from ganzoo.weights import WeightsEntry as WeightsEntry
from ganzoo.weights import WeightsScore as WeightsScore
from ganzoo.weights import packed_weights as packed_weights


@dataclass(frozen=True, kw_only=True)
class ArchitectureEntry(Entry):
    """A named pair of generator and discriminator, which implement the two classes of :mod:`ganzoo.interfaces`.

    generator, discriminator: the import strings of the two classes.
    generator_params, discriminator_params: the dataclasses of their parameters.
    check_image: a function that raises ValueError with the reason if the architecture cannot make images of a spec.
    defaults: configuration with dotted keys that replaces the core's defaults.
    tuned: further defaults for combinations with this architecture. A key is the name of a loss or of a penalty, or
        names of both joined with ``+``; a key with a penalty may also set the penalty's parameters.
    """

    kind: ClassVar[str] = "architecture"
    generator: str
    discriminator: str
    generator_params: type = NoParams
    discriminator_params: type = NoParams
    check_image: Callable[[ImageSpec], None] = lambda image: None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    tuned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def load_generator(self) -> Any:
        """Import the generator's class. Raises GanzooError if it cannot be imported."""
        return load_target(self.generator)

    def load_discriminator(self) -> Any:
        """Import the discriminator's class. Raises GanzooError if it cannot be imported."""
        return load_target(self.discriminator)


@dataclass(frozen=True, kw_only=True)
class LossEntry(TargetEntry):
    """A loss: its class and the facts about it that the training loop needs.

    discriminator_steps: the number of discriminator steps per generator step.
    zero_is_border: whether a logit of 0 separates real from fake, so that accuracy is meaningful; False for a critic.
    probability: whether sigmoid(logit) is the discriminator's probability of "real".
    generator_needs_real: whether the generator's side also reads ``d_real`` (relativistic losses).
    penalties: the names of the penalties that the loss adds to a recipe.
    formula: both sides, in plain text.
    """

    kind: ClassVar[str] = "loss"
    params: type = NoParams
    formula: str = ""
    discriminator_steps: int = 1
    zero_is_border: bool = True
    probability: bool = False
    generator_needs_real: bool = False
    penalties: tuple[str, ...] = ()
    patches: bool = False
    needs: Needs = Needs()
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PenaltyEntry(TargetEntry):
    """A penalty on one of the two networks or on both. ``params`` extends :class:`PenaltyParams`.

    network: the network to whose loss the penalty is added, in the steps of that network; "both": each of them.
    """

    kind: ClassVar[str] = "penalty"
    params: type[PenaltyParams] = PenaltyParams
    formula: str = ""
    network: Literal["discriminator", "generator", "both"] = "discriminator"
    patches: bool = False
    needs: Needs = Needs()
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AugmentationEntry(TargetEntry):
    """An augmentation of all images, real and generated, that the discriminator sees; named in a recipe like a penalty.

    reads_border: whether the augmentation adapts to the sign of the logits; the loss must then have ``zero_is_border``.
    """

    kind: ClassVar[str] = "augmentation"
    params: type = NoParams
    reads_border: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepEntry(TargetEntry):
    """A different order of updates, or a game with further networks; named in a recipe like a penalty.

    target: the import string of a :class:`ganzoo.training.step.TrainingStep`.
    captured: whether its steps may be replayed as CUDA graphs; False: they run eagerly.
    """

    kind: ClassVar[str] = "step"
    params: type = NoParams
    needs: Needs = Needs()
    captured: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OptimizerEntry(TargetEntry):
    """An optimizer for ``optimizer.generator.name`` and ``optimizer.discriminator.name``, in addition to timm's.

    target: the import string of a function or class that returns a :class:`torch.optim.Optimizer`. It takes the
        parameters, and those of ``lr``, ``betas``, ``weight_decay`` and ``optimizer.*.options`` that it names.
    captured: whether everything that changes, the learning rate included, is kept in tensors on the device, so that
        steps may be replayed as CUDA graphs; False: steps run eagerly.
    """

    kind: ClassVar[str] = "optimizer"
    captured: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetEntry(TargetEntry):
    """A source of images.

    takes_location: whether the set is written ``name:PATH`` (a directory, a zip).
    params: the dataclass of the source's parameters, which are set as ``data.options.KEY``.
    image: the native spec if it is fixed; None if it depends on the images.
    class_names: the names of the classes in the order of the labels; names that the source gives take precedence.
    label_sources: the values of ``data.labels``, in addition to auto and none, that the source supports; if there are
        any, the source is constructed with ``labels``.
    opens: the locations that the set opens: file suffixes, and "/" for a directory. If the user gives a path without
        the name of a set, the message names the set that opens it.
    reference: the split that scores are computed against. splits: the splits that exist; others are refused.
    demonstration: whether scores against the set are only for show (its reference is its own training set).
    default: whether a run that names no set uses this one. licence: the licence of the images.
    defaults: configuration with dotted keys that replaces the core's defaults.
    statistics: shipped reference statistics, ``"package:file"``, used if their fingerprint and network match.
    """

    kind: ClassVar[str] = "dataset"
    takes_location: bool = False
    params: type = NoParams
    image: ImageSpec | None = None
    class_names: tuple[str, ...] = ()
    label_sources: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    reference: Literal["train", "test"] = "train"
    demonstration: bool = False
    default: bool = False
    licence: str = ""
    splits: tuple[str, ...] = ("train", "test")
    defaults: Mapping[str, Any] = field(default_factory=dict)
    statistics: str = ""


@dataclass(frozen=True, kw_only=True)
class ExtractorEntry(TargetEntry):
    """A pretrained network whose features metrics compare.

    target: the import string of an :class:`ganzoo.metrics.extractor.Extractor`.
    features: the width of each feature by name; a metric whose entry names no feature reads the first.
    logits: the feature that holds class logits, if any. Metrics read it as ``logits``, for generated images only.
    grey: what it does with grey images, for a protocol; "" if nothing is to be said.
    weights: whether the extractor needs weights. title: its name in a protocol, or "".
    default: whether metrics that name no extractor read this one.
    """

    kind: ClassVar[str] = "extractor"
    features: Mapping[str, int]
    logits: str = ""
    grey: str = ""
    weights: bool = True
    title: str = ""
    default: bool = False


@dataclass(frozen=True, kw_only=True)
class MetricEntry(TargetEntry):
    """A score of generated images.

    extractor: the extractor whose features the metric reads; "" for the default extractor.
    features: the feature that it reads, such as Inception's "2048" or "logits_unbiased"; "" for the first.
    reads: "statistics" (mean and covariance suffice) or "features" (those of every image).
    reads_labels: whether it also reads the labels of the images.
    primary: the returned value that ranks runs and checkpoints; "" for the first.
    lower_is_better: the direction of the primary value.
    ranks: whether the primary value may rank scores; False if neither direction is better, as for a share of copies.
        Such a metric is used beside another one that ranks.
    default: whether a run that names no metric is scored with it.
    """

    kind: ClassVar[str] = "metric"
    extractor: str = ""
    features: str = ""
    reads: Literal["statistics", "features"] = "features"
    reads_labels: bool = False
    primary: str = ""
    lower_is_better: bool = True
    ranks: bool = True
    default: bool = False


@dataclass(frozen=True, kw_only=True)
class LauncherEntry(TargetEntry):
    """A place where the jobs of a benchmark run, such as this machine or a cluster.

    target: the import string of a class that implements :class:`ganzoo.bench.launcher.Launcher`.
    default: whether a benchmark that names no launcher uses this one.
    """

    kind: ClassVar[str] = "launcher"
    params: type = NoParams
    default: bool = False


@dataclass(frozen=True, kw_only=True)
class CommandEntry(TargetEntry):
    """A command of ``ganzoo``: ``ganzoo NAME ...``.

    target: the import string of a :class:`click.Command` (a group is one too); imported when the command runs, so that
        help and listings stay fast.
    name: any name except those of the core's own commands. group: the heading in ``ganzoo --help``.
    """

    kind: ClassVar[str] = "command"
    group: str = "More commands"


@dataclass(frozen=True, kw_only=True)
class StoreEntry(TargetEntry):
    """A place outside this machine that runs are loaded from.

    ``ganzoo.load`` and the commands that need only a run's generator take ``NAME://PLACE``.

    target: the import string of a function that takes such an address and returns a run directory on this machine. It
        may download the run first. It raises GanzooError if the address is wrong or the place cannot be reached.
    """

    kind: ClassVar[str] = "store"


KINDS: tuple[type[Entry], ...] = (
    ArchitectureEntry,
    LossEntry,
    PenaltyEntry,
    AugmentationEntry,
    StepEntry,
    OptimizerEntry,
    DatasetEntry,
    ExtractorEntry,
    MetricEntry,
    LauncherEntry,
    CommandEntry,
    StoreEntry,
    WeightsEntry,
)
