"""What every extractor must do."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.config.scoring import find_weights
from ganzoo.drawing import seeded
from ganzoo.entries import ExtractorEntry
from ganzoo.metrics.extractor import Extractor, Network
from ganzoo.testing.probe import global_state_watched
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.verdict import Skipped, expect

COUNT = 3
SETTING = "metrics.weights="
NEAR = 1e-3  # as a share of the features' norm; float32 results vary slightly with the batch size


class ExtractorPart:
    """An extractor and noise images. Its network is loaded if it needs no weights or if a setting names their file."""

    def __init__(self, entry: ExtractorEntry, rig: Rig) -> None:
        self.entry, self.rig = entry, rig

    @cached_property
    def network(self) -> Network:
        """The network that the extractor finds. Raises Skipped rather than download weights that no setting names."""
        settings = [setting for setting in self.rig.settings if setting.startswith(SETTING)]
        metrics = self.rig.config(f"{NAME}+{NAME}", *settings).values.metrics
        file = find_weights(metrics, [self.entry], self.rig.registry).get(self.entry.name)
        if self.entry.weights and file is None:
            raise Skipped(f"its weights are not named; add {SETTING}{{{self.entry.name}: FILE}}")
        with tempfile.TemporaryDirectory() as root:
            found: Network = self.entry.load().find(file, Path(root))
        return found

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the features that this network gives."""
        return tuple(name for name in self.entry.features if name not in self.network.lacks)

    def load(self) -> Extractor:
        """Load and return the extractor on the CPU."""
        cls: Any = self.entry.load()
        cls.check(self.network, "exact", self.features)
        extractor: Extractor = cls(self.network, "exact", torch.device("cpu"), self.features)
        return extractor

    @cached_property
    def loaded(self) -> Extractor:
        """The extractor on the CPU, loaded once."""
        return self.load()

    def images(self, channels: int = 3, size: int = 16) -> Tensor:
        """Return uint8 noise, ``(COUNT, channels, size, size)``, the same each time."""
        return torch.randint(256, (COUNT, channels, size, size), generator=seeded(), dtype=torch.uint8)


def interface(part: ExtractorPart) -> None:
    """Check that the class follows its interface, and that its entry names its features with their widths."""
    cls, entry = part.entry.load(), part.entry
    follows = isinstance(cls, type) and issubclass(cls, Extractor)
    expect(follows, f"{entry.target} is not a ganzoo.metrics.extractor.Extractor")
    expect(entry.features, "features is empty; name each feature with its width")
    for name, width in entry.features.items():
        expect(isinstance(width, int) and width > 0, f"features says that {name} has width {width!r}")
    expect(not entry.logits or entry.logits in entry.features, f"logits is {entry.logits!r}, not one of its features")


def shapes(part: ExtractorPart) -> None:
    """Check that grey and colour images of several sizes give finite float32 matrices of the entry's widths."""
    for channels, size in ((3, 16), (1, 16), (3, 48)):
        found = part.loaded(part.images(channels, size))
        expect(set(found) == set(part.features), f"it returns {sorted(found)}, expected {sorted(part.features)}")
        for name, matrix in found.items():
            shape, wanted = tuple(matrix.shape), (COUNT, part.entry.features[name])
            expect(shape == wanted, f"{name} of {COUNT} images is {shape}, the entry says {wanted}")
            expect(matrix.dtype == torch.float32, f"{name} is {matrix.dtype}, must be float32")
            expect(bool(matrix.isfinite().all()), f"{name} is not finite")


def batch_independence(part: ExtractorPart) -> None:
    """Check that the features of an image do not depend on the other images of its batch."""
    together = part.loaded(part.images())
    for name, matrix in together.items():
        alone = torch.cat([part.loaded(image[None])[name] for image in part.images()])
        off = float((matrix - alone).norm() / matrix.norm().clamp(min=1e-12))
        expect(off < NEAR, f"{name} of an image depends on the others of its batch: alone it differs by {off:.2g}")


def determinism(part: ExtractorPart) -> None:
    """Check that the same network and images give the same features."""
    first, again = part.loaded(part.images()), part.load()(part.images())
    for name, matrix in first.items():
        expect(torch.equal(matrix, again[name]), f"loaded twice, it gives other features {name} for the same images")


def inputs_left_alone(part: ExtractorPart) -> None:
    """Check that the extractor does not change its input images."""
    images = part.images()
    part.loaded(images)
    expect(torch.equal(images, part.images()), "it writes into the images, which other extractors read too")


def global_random_state(part: ExtractorPart) -> None:
    """Check that the extractor does not draw from, or seed, a global random state."""
    with global_state_watched("the extractor"):
        part.load()(part.images())


CHECKS = (interface, shapes, batch_independence, determinism, inputs_left_alone, global_random_state)
