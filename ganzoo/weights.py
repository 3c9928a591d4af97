"""Weights that plugins register: the entry, its score, and the index of the weights in a package.

Plugins import these from :mod:`ganzoo`. Nothing here imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar

from ganzoo.entry import Entry, ImageSpec

DIRECTORY, INDEX = "weights", "index.json"  # of the weights in a package


@dataclass(frozen=True, kw_only=True)
class WeightsScore:
    """The score of registered weights.

    metric: the name of the value that ranks them, as in a score. value: that value.
    protocol: how it was computed, in words; only scores with the same protocol are compared.
    lower_is_better: the direction of the value.
    """

    metric: str
    value: float
    protocol: str
    lower_is_better: bool = True


@dataclass(frozen=True, kw_only=True)
class WeightsEntry(Entry):
    """A trained generator. ``ganzoo.load`` and all commands that read a generator accept its name.

    name: ``RECIPE@DATA``, the recipe that it was trained with and a word for the images, such as ``dcgan+hinge@mnist``.
    run: the run directory with settings and weights, as ``ganzoo push`` writes it: ``"package:directory"`` in a
        package, or an address such as ``hf://OWNER/NAME``, which is copied to ``GANZOO_DATA`` at its first use.
    sha256: the checksum of the run's ``ema.safetensors``. size: its size in bytes. image: the spec of its images.
    score: the score, None if it was not scored. licence: the licence of the weights.
    """

    kind: ClassVar[str] = "weights"
    run: str
    sha256: str
    size: int
    image: ImageSpec
    score: WeightsScore | None = None
    licence: str = ""

    @property
    def recipe(self) -> str:
        """The recipe that the generator was trained with."""
        return self.short.rpartition("@")[0]

    @property
    def data(self) -> str:
        """The word for the images that the generator was trained on."""
        return self.short.rpartition("@")[2]


def packed_weights(package: str) -> list[WeightsEntry]:
    """Return the entries of the weights that :func:`ganzoo.pack_weights` put into a package.

    package: the package's import name. Raises ImportError if the package does not exist. Raises OSError if its index is
    missing, and ValueError, KeyError or TypeError if the index is damaged.
    """
    index = json.loads((files(package) / DIRECTORY / INDEX).read_text(encoding="utf-8"))
    return [read_entry(item, package) for item in index]


def read_entry(item: Mapping[str, Any], package: str) -> WeightsEntry:
    """Make an entry from one item of a package's index."""
    score = item["score"]
    known: dict[str, Any] = {
        "run": f"{package}:{DIRECTORY}/{item['run']}",
        "image": ImageSpec(**item["image"]),
        "score": None if score is None else WeightsScore(**score),
    }
    return WeightsEntry(**{**item, **known})
