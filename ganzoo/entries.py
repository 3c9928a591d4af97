"""What a plugin registers: plain metadata, a dataclass of parameters, and an import string.

Nothing here imports torch, so that listing and explaining the zoo stays fast. The classes an entry
points to (``"module:Name"``) follow the abstract ones in :mod:`ganzoo.interfaces`.
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
from ganzoo.params import marks_of as marks_of
from ganzoo.params import param as param
from ganzoo.weights import WeightsEntry as WeightsEntry
from ganzoo.weights import WeightsScore as WeightsScore
from ganzoo.weights import packed_weights as packed_weights


@dataclass(frozen=True, kw_only=True)
class ArchitectureEntry(Entry):
    """A named pair of generator and discriminator, which implement the two classes of :mod:`ganzoo.interfaces`.

    generator, discriminator: import strings of the two classes.
    generator_params, discriminator_params: dataclasses of their parameters.
    check_image: raises ValueError with the reason where an image spec cannot be made.
    defaults: configuration this architecture wants instead of the core's, as dotted keys.
    tuned: further defaults for the combination with one loss, by the loss's name, or with loss and penalties, by their
        names joined with ``+``, which may then set the penalties' parameters too.
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
    """A loss: its class and the facts the loop needs about it.

    discriminator_steps: discriminator steps per generator step.
    zero_is_border: a logit of 0 separates real from fake, so that accuracy means something; not so for a critic.
    probability: sigmoid(logit) is the discriminator's probability of "real".
    generator_needs_real: the generator's side reads ``d_real`` too (relativistic losses).
    penalties: names of the penalties the loss brings along.
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
    """A penalty on one of the two networks, or on each in its step. ``params`` extends :class:`PenaltyParams`.

    network: whose loss it is added to, in the steps of that network; "both": to each.
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
    """Changes what the discriminator is shown, real and generated images alike; named in a recipe like a penalty.

    reads_border: adapts to the side of 0 on which logits fall, so the loss must put the border there.
    """

    kind: ClassVar[str] = "augmentation"
    params: type = NoParams
    reads_border: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepEntry(TargetEntry):
    """Another order of updates, or a game with further networks; named in a recipe like a penalty.

    target: import string of a :class:`ganzoo.training.step.TrainingStep`.
    captured: on CUDA its steps may be replayed as graphs; False: they run eagerly.
    """

    kind: ClassVar[str] = "step"
    params: type = NoParams
    needs: Needs = Needs()
    captured: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OptimizerEntry(TargetEntry):
    """An optimizer beside those of timm, for ``optimizer.generator.name`` and ``optimizer.discriminator.name``.

    target: import string of a function or class that takes the parameters and, of ``lr``, ``betas``, ``weight_decay``
        and the names in ``optimizer.*.options``, those that it names. It returns a :class:`torch.optim.Optimizer`.
    captured: keeps all that changes in tensors on the device, learning rate included, so that its steps may be replayed
        as CUDA graphs; False: steps run eagerly.
    """

    kind: ClassVar[str] = "optimizer"
    captured: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetEntry(TargetEntry):
    """A source of images.

    takes_location: written ``name:PATH`` (a directory, a zip). params: of its source, set as ``data.options.KEY``.
    image: the native spec where it is fixed; None where the images must be looked at.
    class_names: in the order of the labels; names that the source gives go first.
    label_sources: values of ``data.labels`` that the source knows beside auto and none; it is then given ``labels``.
    opens: what lies at a location of it: suffixes of files, "/" for a directory. A path that is given without the
    name of a set is answered with the one that opens it.
    reference: the split a score is measured against. splits: those it has; another one is refused.
    demonstration: scores against it are for show (its reference is its own training set).
    default: the set a run uses where none is named. licence: of the images.
    defaults: configuration this data set wants instead of the core's, as dotted keys.
    statistics: shipped reference statistics, ``"package:file"``, used where its fingerprint and network match.
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

    target: import string of an :class:`ganzoo.metrics.extractor.Extractor`.
    features: width of each feature that it offers, by name; a metric whose entry names none reads the first.
    logits: the feature that is class logits, if any. Metrics read it as ``logits``, and of generated images alone.
    weights: whether it needs any. title: its name in a protocol, or "". default: metrics that name none read it.
    """

    kind: ClassVar[str] = "extractor"
    features: Mapping[str, int]
    logits: str = ""
    weights: bool = True
    title: str = ""
    default: bool = False


@dataclass(frozen=True, kw_only=True)
class MetricEntry(TargetEntry):
    """A score of generated images.

    extractor: the extractor whose features it reads; "" for the one that is marked as the default.
    features: the feature it reads, such as Inception's "2048" or "logits_unbiased"; "" for the first.
    reads: "statistics" (mean and covariance suffice) or "features" (all of them). reads_labels: and their labels.
    primary: the value that ranks runs and checkpoints, of those that the metric returns; "" for its first.
    lower_is_better: direction of the primary value. default: a run that names no metric is scored with it.
    """

    kind: ClassVar[str] = "metric"
    extractor: str = ""
    features: str = ""
    reads: Literal["statistics", "features"] = "features"
    reads_labels: bool = False
    primary: str = ""
    lower_is_better: bool = True
    default: bool = False


@dataclass(frozen=True, kw_only=True)
class LauncherEntry(TargetEntry):
    """Where the jobs of a benchmark run: this machine, a cluster. The class follows
    :class:`ganzoo.bench.launcher.Launcher`.

    default: the launcher a benchmark uses where none is named.
    """

    kind: ClassVar[str] = "launcher"
    params: type = NoParams
    default: bool = False


@dataclass(frozen=True, kw_only=True)
class CommandEntry(TargetEntry):
    """A command of ``ganzoo``: ``ganzoo NAME ...``.

    target: import string of a :class:`click.Command` (a group is one too); imported when the command runs, so that
        help and listings stay fast.
    group: heading in ``ganzoo --help``. The names of the core's own commands are taken.
    """

    kind: ClassVar[str] = "command"
    group: str = "More commands"


@dataclass(frozen=True, kw_only=True)
class StoreEntry(TargetEntry):
    """A place outside this machine that runs are loaded from: every command that reads a run takes ``NAME://PLACE``.

    target: import string of a function that takes such an address and returns a run directory on this machine, which it
        may download first. It raises GanzooError if the address is wrong or the place cannot be reached.
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
