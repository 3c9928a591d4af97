"""One side of a score: images that are read when they are wanted, or statistics of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ganzoo.data.dataset import Images
from ganzoo.metrics.statistics_file import StatisticsFile

Shape = tuple[int, ...]


@dataclass
class Side:
    """What is compared.

    title: for the protocol and messages. count: of the images, 0 if a file of statistics does not say it.
    read: gives all images from the beginning, uint8 ``(n, 1 or 3, H, W)``; None for statistics.
    images: the decoded data set, whose features are kept in the cache; None for other images. shipped: statistics that
    the data set carries. split: of the data set. content: hash of the images' content, "" if it is not known.
    trained_on: the same of the images that a run's generator was trained on. described: more for the protocol.
    shapes: how many images of which shape were read.
    """

    title: str
    count: int
    read: Callable[[], Iterable[Tensor]] | None = None
    statistics: StatisticsFile | None = None
    images: Images | None = None
    shipped: str = ""
    split: str = "all"
    content: str = ""
    trained_on: str = ""
    described: Mapping[str, Any] = field(default_factory=dict)
    shapes: Counter[Shape] = field(default_factory=Counter)

    def chunks(self) -> Iterator[Tensor]:
        """Yield the images, and note their shapes."""
        assert self.read is not None
        self.shapes.clear()  # each extractor reads from the beginning
        for chunk in self.read():
            self.shapes[tuple(chunk.shape[1:])] += len(chunk)
            yield chunk

    @property
    def shape(self) -> Shape:
        """``(N, C, H, W)``, or ``(N,)`` if the images differ; known once they were read."""
        if self.images is not None:
            return tuple(self.images.array.shape)
        return (self.count, *next(iter(self.shapes))) if len(self.shapes) == 1 else (self.count,)

    @property
    def picture(self) -> str:
        """The images' shape in words; "" for statistics."""
        if len(self.shape) > 1:
            return _in_words(self.shape[1:])
        if not self.shapes:
            return ""
        common, number = self.shapes.most_common(1)[0]
        return f"{len(self.shapes)} shapes, {number} of {_in_words(common)}"


def _in_words(shape: Shape) -> str:
    return " x ".join(map(str, shape))


__all__ = ["Side"]
