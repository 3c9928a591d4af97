"""The base classes of entries and the types in their fields. Plugins import these from :mod:`ganzoo.entries`."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ganzoo.errors import GanzooError, described


@dataclass(frozen=True)
class ImageSpec:
    """The form of the images: ``channels`` (1 or 3), ``size`` (height = width, pixels), ``classes`` (0: no labels)."""

    channels: int
    size: int
    classes: int = 0


@dataclass(frozen=True)
class Needs:
    """The requirements of a loss, penalty or step on the discriminator and the data.

    per_sample: the logit of an image must depend on that image alone. Batch norm and minibatch standard deviation
        violate this, and so break every penalty on per-sample gradients (Gulrajani et al. 2017, sec. 4).
    labels: the images must have labels.
    outputs: what the discriminator must return in addition to logits: "classes" (a class head) or names of features.
    """

    per_sample: bool = False
    labels: bool = False
    outputs: tuple[str, ...] = ()

    def __or__(self, other: Needs) -> Needs:
        outputs = tuple(dict.fromkeys((*self.outputs, *other.outputs)))
        return Needs(self.per_sample or other.per_sample, self.labels or other.labels, outputs)


@dataclass(frozen=True)
class Owner:
    """The distribution that registered an entry.

    distribution: the name of the distribution; for a plugin that is a single file, the file's name.
    version: the version; for a file, the start of its SHA-256. file: the path of that file, or None.
    """

    distribution: str = ""
    version: str = ""
    file: Path | None = None

    @property
    def origin(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}".strip()


def load_target(target: str) -> Any:
    """Import the object of an import string ``"module:Name"``. Raises GanzooError if it cannot be imported."""
    module, colon, attribute = target.partition(":")
    if not colon:
        raise GanzooError(f"the target {target!r} must be module:Name, such as my_package.loss:MyLoss")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        advice = "correct the target, or reinstall the plugin"
        raise GanzooError(f"cannot load {target!r}: {described(error)}; {advice}") from error


def construct(target: str, *arguments: Any, **named: Any) -> Any:
    """Import the class or function of an import string and call it.

    Raises GanzooError if it cannot be imported, is abstract or does not accept the arguments.
    """
    make = load_target(target)
    if missing := sorted(getattr(make, "__abstractmethods__", ())):
        raise GanzooError(f"{target} must define {', '.join(missing)}; correct the plugin")
    try:
        inspect.signature(make).bind(*arguments, **named)
    except TypeError as error:
        given = ", ".join([*(type(value).__name__ for value in arguments), *(f"{name}=" for name in named)])
        raise GanzooError(f"cannot call {target}({given}): {error}; correct the plugin") from error
    except ValueError:  # a builtin without a signature
        pass
    return make(*arguments, **named)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The base class of all entries.

    name: lower-case letters, digits and ``-``. If two distributions register the same name, each entry is renamed to
        ``distribution:name``.
    summary: one sentence. paper: authors, year, title and where to find it, or "". owner: set by the registry.

    Fields that several kinds have:

    target: the import string of the class or function, ``"module:Name"``; imported only when it is used.
    params: the dataclass of its parameters, each made with :func:`param`; settings set them.
    formula: plain text, shown by ``ganzoo info`` and ``ganzoo explain``.
    needs: the requirements on the data and the discriminator; a recipe that cannot meet them is refused.
    patches: whether it also accepts logits ``(N, ...)``, one for each patch of an image.
    defaults: configuration with dotted keys that replaces the core's defaults.
    """

    kind: ClassVar[str] = ""
    name: str
    summary: str
    paper: str = ""
    owner: Owner = field(default=Owner(), compare=False, repr=False)

    @property
    def short(self) -> str:
        """The name without the distribution."""
        return self.name.rpartition(":")[2]


@dataclass(frozen=True, kw_only=True)
class TargetEntry(Entry):
    """An entry with one import string, ``target``."""

    target: str

    def load(self) -> Any:
        """Import the target. Raises GanzooError if it cannot be imported."""
        return load_target(self.target)

    def construct(self, *arguments: Any, **named: Any) -> Any:
        """Import the target and call it. Raises GanzooError as :func:`construct` does."""
        return construct(self.target, *arguments, **named)
