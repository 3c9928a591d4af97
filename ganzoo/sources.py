"""Where images come from. Plugins import these from :mod:`ganzoo.interfaces`, which states the conventions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.entries import ImageSpec


@dataclass(frozen=True)
class SourceImage:
    """One image as a source delivers it.

    name: for messages. pixels: uint8 ``(H, W, C)`` of any size, C 1 or 3, or 2 or 4 with an alpha channel.
    label: the class from 0, or None. treated: what decoding did to it, each of which completes "5 ...".
    basic: whether ``data.formats=basic`` reads it too.
    """

    name: str
    pixels: np.ndarray
    label: int | None = None
    treated: tuple[str, ...] = ()
    basic: bool = True


class DataSource(ABC):
    """Images before resizing, in NumPy on the CPU. Constructed as ``cls(location, root, split)``.

    Its images are read once: they are resized and kept in a cache, whose key follows from :meth:`content_key`. With
    several ranks the first one reads them and the others find the cache.

    location: what stands behind ``name:`` (None for a named set). root: where data sets are kept.
    split: "train" or "test". params: given as a fourth argument if the entry has ``params``. labels: the value of
    ``data.labels``, given by name if the entry has ``label_sources``. formats: the value of ``data.formats``, set once
    it is constructed, for a source that looks for image files. counted: False if ``len()`` reads all the data, so that
    it is not called to show how far decoding is.
    """

    formats: str = "all"
    counted: bool = True

    def __init__(
        self, location: str | None, root: Path, split: str, params: Any = None, *, labels: str = "auto"
    ) -> None:
        self.location, self.root, self.split = location, root, split
        self.params, self.label_setting = params, labels

    @abstractmethod
    def content_key(self) -> str:
        """Hash the content of images and labels: same key, same set. Raise GanzooError if there are no images.

        ``params`` need not be in it.
        """

    @abstractmethod
    def __len__(self) -> int:
        """Return how many images there are, unreadable ones included."""

    @abstractmethod
    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        """Yield the images in a fixed order; an unreadable one as :class:`BadImage`, never an exception.

        Labels are used if every image has one. They are one class for each image; vectors of attributes are not
        supported.
        """

    def peek(self) -> ImageSpec:
        """Return the spec of the set, from its first readable image; size 0 if that is not square.

        Required unless the entry has a fixed ``image``. Called on every rank, before and after decoding, so it must be
        fast. Its ``classes`` is the number of classes of the whole set, 0 without labels.
        """
        raise NotImplementedError

    def class_names(self) -> Sequence[str]:
        """Return the names of the classes that the data knows, in the order of the labels; () for none."""
        return ()

    def left_out(self) -> Mapping[str, int]:
        """Count the images that are there but not used, by a reason that completes "5 ... skipped".

        Called after the images were read, or found in the cache.
        """
        return {}

    def remarks(self) -> Sequence[str]:
        """Say what else a user should know before training, such as labels that are not read; one clause each."""
        return ()


class StreamedSource(DataSource):
    """A set that is too large to be kept decoded: its images lie in files that can be read in parts at any time.

    It is looked through once; then its images are read as they are shown, in threads.
    """

    counted = False

    @abstractmethod
    def located(self) -> Iterator[tuple[tuple[int, int, int], SourceImage | BadImage]]:
        """Yield what iterating gives, each with the number of its file and the bytes at which it starts and stops.

        In the order of these. Called once, on the first rank.
        """

    @abstractmethod
    def read(self, file: int, start: int, stop: int) -> bytes:
        """Return bytes ``start`` to ``stop`` of a file. Called from threads, on every rank, while a run trains.

        Raises GanzooError if it cannot be read.
        """

    @abstractmethod
    def file_name(self, file: int) -> str:
        """Return the name of a file, for messages."""

    def close(self) -> None:
        """Give up within seconds what is being read. Called when nothing will be read any more."""

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        return (item for _, item in self.located())


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read. name: for messages. reason: why, in a few words."""

    name: str
    reason: str
