"""The sources of images. Plugins import these from :mod:`ganzoo.interfaces`, which states the conventions."""

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
    """One image of a source.

    name: the image's name in messages. pixels: uint8 ``(H, W, C)`` of any size, C 1 or 3, or 2 or 4 with alpha.
    label: the class, counted from 0, or None. treated: the changes that decoding made, each a phrase that completes
    "5 ...". basic: whether ``data.formats=basic`` also reads the image.
    """

    name: str
    pixels: np.ndarray
    label: int | None = None
    treated: tuple[str, ...] = ()
    basic: bool = True


class DataSource(ABC):
    """Images before resizing, as NumPy arrays. Constructed as ``cls(location, root, split)``.

    The images are read once, resized and kept in a cache, whose key depends on :meth:`content_key`. With several ranks,
    the first one reads the images and the others use the cache.

    location: the text after ``name:`` in ``data.name`` (None for a named set). root: the directory of data sets.
    split: "train" or "test". params: the fourth argument, passed if the entry has ``params``. labels: the value of
    ``data.labels``, passed by name if the entry has ``label_sources``. formats: the value of ``data.formats``, set
    after construction, for sources that search for image files. counted: False if ``len()`` reads all the data; it is
    then not called to show the progress of decoding.
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
        """Return a hash of the images and labels; equal sets have equal keys. Raises GanzooError if the set is empty.

        The hash need not cover ``params``.
        """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images, including unreadable ones."""

    @abstractmethod
    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        """Yield the images in a fixed order. Yield a :class:`BadImage` for an unreadable image instead of raising.

        Labels are used only if every image has one. A label is one class; vectors of attributes are not supported.
        """

    def peek(self) -> ImageSpec:
        """Return the spec of the set, judged by one or some of its images; size 0 if these are not square.

        Required unless the entry has a fixed ``image``. Called on every rank, before and after decoding, so it must be
        fast. ``classes`` is the number of classes in the whole set, 0 without labels.
        """
        raise NotImplementedError

    def class_names(self) -> Sequence[str]:
        """Return the class names stored with the data, in the order of the labels; () without names."""
        return ()

    def left_out(self) -> Mapping[str, int]:
        """Return the numbers of unused images by reason, a phrase that completes "5 ... skipped".

        Called before the images are read, and again after they were read or found in the cache.
        """
        return {}

    def remarks(self) -> Sequence[str]:
        """Return what else users should know before training, such as labels that are not read; one clause each."""
        return ()


class StreamedSource(DataSource):
    """A source of a set that is too large to be kept decoded. Its files can be read in parts at any time.

    The set is scanned once; after that, threads read the images as training needs them.
    """

    counted = False

    @abstractmethod
    def located(self) -> Iterator[tuple[tuple[int, int, int], SourceImage | BadImage]]:
        """Yield ``(file, start, stop)`` and the image, for every image: its file's number and its range of bytes.

        Images come in the order of these numbers. Called once, on the first rank.
        """

    @abstractmethod
    def read(self, file: int, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to ``stop`` of a file. Called from threads on every rank during training.

        Raises GanzooError if the file cannot be read.
        """

    @abstractmethod
    def file_name(self, file: int) -> str:
        """Return the name of a file, for messages."""

    def close(self) -> None:
        """Abort reads in progress within seconds. Called when no more images are needed."""

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        return (item for _, item in self.located())


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read. name: its name in messages. reason: why, in a few words."""

    name: str
    reason: str
