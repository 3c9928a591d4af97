"""One side of a score: images that are read on demand, or statistics of images."""

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
    """One side of a score.

    title: the name in the protocol and in messages. count: the number of images; 0 if a file of statistics does not
    state it. read: yields all images from the beginning, uint8 ``(n, 1 or 3, H, W)``; None for statistics.
    images: the decoded data set, whose features are cached; None for other images. shipped: the statistics that the
    data set ships. split: the split of the data set. content: the hash of the images' content; "" if unknown.
    trained_on: whether a run's generator was trained on the images of another side; None for other images. described:
    further facts for the protocol. shapes: the number of images read, by shape.
    """

    title: str
    count: int
    read: Callable[[], Iterable[Tensor]] | None = None
    statistics: StatisticsFile | None = None
    images: Images | None = None
    shipped: str = ""
    split: str = "all"
    content: str = ""
    trained_on: Callable[[Side], bool] | None = None
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
        """The shape ``(N, C, H, W)``, or ``(N,)`` if the images differ; known once they were read."""
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
