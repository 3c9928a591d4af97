"""Data sets, metrics and extractors that each violate one check."""

from __future__ import annotations

import random

import numpy as np
import torch

from ganzoo import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Metric, SourceImage
from ganzoo.metrics.extractor import Extractor, Network
from ganzoo.testing.stand_in_parts import StandInSource, discs


class GoodSource(StandInSource):
    def content_key(self):
        return f"{type(self).__name__} {self.split}"  # other images have another key


class NoSource:
    def __init__(self, *given):
        pass


class Coloured(GoodSource):
    def __iter__(self):
        return (SourceImage(p.name, p.pixels.repeat(3, 2)) for p in super().__iter__())


class Signed(GoodSource):
    def __iter__(self):
        return (SourceImage(p.name, p.pixels.astype(np.int8)) for p in super().__iter__())


class Labelled(GoodSource):
    def __iter__(self):
        return (SourceImage(p.name, p.pixels, 5) for p in super().__iter__())


class Shuffled(GoodSource):
    turns = 0

    def __iter__(self):
        type(self).turns += 1
        return iter(list(super().__iter__())[:: 1 if self.turns % 2 else -1])


class OneKey(GoodSource):
    def content_key(self):
        return "one key"

    def __iter__(self):
        step = 1 if self.split == "train" else -1
        return iter(list(super().__iter__())[::step])


class NoTest(GoodSource):
    def content_key(self):
        if self.split == "test":
            raise GanzooError("there are no test images")
        return super().content_key()

    def __iter__(self):
        self.content_key()
        return super().__iter__()


class SameSplits(GoodSource):
    def __init__(self, location, root, split):
        super().__init__(location, root, "train")


class Misjudges(GoodSource):
    def peek(self):
        return ImageSpec(3, 8)


class RandomSource(GoodSource):
    def __iter__(self):
        random.random()
        return super().__iter__()


class GoodMetric(Metric):
    def distance(self, real, fake):
        return float(np.square(real.statistics["mu"] - fake.statistics["mu"]).sum())

    def __call__(self, *, real, fake, seed):
        return {"distance": self.distance(real, fake)}


class NoMetric:
    pass


class MeansMetric(GoodMetric):
    """A metric of the extractor below, whose features have a different width from Inception's."""

    def distance(self, real, fake):
        assert real.statistics["mu"].shape == (3,)
        return super().distance(real, fake)


class GoodExtractor(Extractor):
    """An extractor of the mean of each channel."""

    @classmethod
    def find(cls, file, root):
        return Network(root, "ab" * 32, "ab" * 32, "no file")

    def __call__(self, images):
        return {"means": images.expand(-1, 3, -1, -1).float().mean((2, 3)) / 255}


class Normalises(GoodExtractor):
    def __call__(self, images):
        means = super().__call__(images)["means"]
        return {"means": means - means.mean(0)}


class Ages(GoodExtractor):
    loaded = 0

    def __init__(self, *arguments):
        super().__init__(*arguments)
        Ages.loaded += 1
        self.age = Ages.loaded

    def __call__(self, images):
        return {"means": super().__call__(images)["means"] + self.age}


class WritesImages(GoodExtractor):
    def __call__(self, images):
        found = super().__call__(images)
        images.zero_()
        return found


class DrawsWhenLoaded(GoodExtractor):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        torch.rand(1)


class ReadsFeatures(GoodMetric):
    def __call__(self, *, real, fake, seed):
        return {"distance": (real.matrix - fake.matrix).square().sum().item()}


class NoNumber(GoodMetric):
    def __call__(self, *, real, fake, seed):
        return {"distance": self.distance(real, fake), "note": "good"}


class WritesFeatures(GoodMetric):
    def __call__(self, *, real, fake, seed):
        found = {"distance": self.distance(real, fake)}
        fake.statistics["mu"] += 1
        return found


class CountingMetric(GoodMetric):
    calls = 0

    def __call__(self, *, real, fake, seed):
        type(self).calls += 1
        return {"distance": self.distance(real, fake) + 1e-3 * self.calls}


class RandomMetric(GoodMetric):
    def __call__(self, *, real, fake, seed):
        return {"distance": self.distance(real, fake) + 0 * np.random.rand()}  # noqa: NPY002


class NoLauncher:
    pass


class MostlySeen(GoodSource):
    """A test split that begins with images of the training split."""

    def __init__(self, location, root, split):
        super().__init__(location, root, "train")
        self.shown = 20 if split == "test" else 64

    def __len__(self):
        return self.shown

    def __iter__(self):
        images = discs(ImageSpec(1, 8), 64)[: self.shown]
        return (SourceImage(f"disc {number}", pixels.transpose(1, 2, 0)) for number, pixels in enumerate(images))


class WrongTestLabels(GoodSource):
    def __iter__(self):
        shift = self.split == "test"
        return (SourceImage(p.name, p.pixels, number % 2 + shift) for number, p in enumerate(super().__iter__()))


class Variety(GoodMetric):
    """A correct metric of the generated images alone: their variance."""

    def __call__(self, *, real, fake, seed):
        return {"variance": float(np.trace(fake.statistics["sigma"]))}


class PerClass(GoodMetric):
    def __call__(self, *, real, fake, seed):
        return {f"{name}:0": value for name, value in super().__call__(real=real, fake=fake, seed=seed).items()}
