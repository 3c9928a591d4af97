"""What every data set must do."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Any

import numpy as np

from ganzoo.data.factory import open_dataset, peek_dataset
from ganzoo.data.sources import make_source
from ganzoo.entries import DatasetEntry
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadImage, DataSource, SourceImage
from ganzoo.params import NoParams
from ganzoo.testing.probe import global_state_watched
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.verdict import Skipped, expect
from ganzoo.utils.files import data_root

LOOKED_AT = 200  # images; enough to find a systematic mistake, few enough for a large data set
SMALL = 16
SETTING = "data.options."


class DatasetPart:
    """A data set as a run opens it; ``location`` is the PATH of a data set that is written ``name:PATH``."""

    def __init__(self, entry: DatasetEntry, rig: Rig, location: str | None = None) -> None:
        self.entry, self.rig = entry, rig
        self.location = location if entry.takes_location else None
        self.text = entry.name if self.location is None else f"{entry.name}:{location}"

    @cached_property
    def params(self) -> Any:
        """The source's parameters, with the user's settings; None if the entry has no parameters."""
        if self.entry.params is NoParams:
            return None
        options = [text for text in self.rig.settings if text.startswith(SETTING)]
        return self.rig.config(f"{NAME}+{NAME}", f"data.name={self.text}", *options).values.data.params

    def source(self, split: str = "train") -> DataSource:
        """Return a new source."""
        return make_source(self.entry, self.location, data_root(None), split, params=self.params)

    @cached_property
    def images(self) -> list[SourceImage]:
        """The readable images among the first :data:`LOOKED_AT`."""
        return first(self.source())

    @cached_property
    def looked_at(self) -> list[SourceImage]:
        """The first images of the training split and of the reference split."""
        if self.entry.reference == "train" or self.entry.takes_location:
            return self.images
        with suppress(GanzooError):  # the check `splits` reports it
            return [*self.images, *first(self.source(self.entry.reference))]
        return self.images

    @cached_property
    def size(self) -> int | None:
        """The size that images are resized to when the data set is opened; None if they are already small squares."""
        height, width = self.images[0].pixels.shape[:2]
        return None if height == width <= 2 * SMALL else SMALL


def first(source: DataSource) -> list[SourceImage]:
    """Return the readable images among the first :data:`LOOKED_AT`."""
    return [item for item in islice(source, LOOKED_AT) if isinstance(item, SourceImage)]


def interface(part: DatasetPart) -> None:
    """Check that the class follows its interface and builds a source. Raises Skipped if the images are unavailable."""
    cls = part.entry.load()
    expect(
        isinstance(cls, type) and issubclass(cls, DataSource),
        f"{part.entry.target} is not a ganzoo.interfaces.DataSource",
    )
    if part.entry.takes_location and part.location is None:
        raise Skipped(f"{part.entry.name} requires a location; add --location PATH")
    _ = part.params  # a wrong setting is a failure, not a missing set
    try:
        part.source().content_key()
    except GanzooError as error:
        raise Skipped(f"its images are not available here: {error}") from error


def shapes(part: DatasetPart) -> None:
    """Check that images are (H, W, C), grey or colour, and match the entry's image spec if it has one."""
    expect(part.images, "none of its first images is readable")
    for image in part.looked_at:
        shape = image.pixels.shape
        expect(
            len(shape) == 3 and 1 <= shape[2] <= 4,
            f"{image.name} is {shape}, expected (H, W, C) with C of 1 or 3, or 2 or 4 with alpha",
        )
        if part.entry.image is not None:
            size, channels = part.entry.image.size, part.entry.image.channels
            expect(shape == (size, size, channels), f"{image.name} is {shape}, not {size}x{size}x{channels}")


def dtypes(part: DatasetPart) -> None:
    """Check that pixels are uint8 NumPy arrays."""
    for image in part.looked_at:
        pixels = image.pixels
        expect(isinstance(pixels, np.ndarray), f"{image.name} is a {type(pixels).__name__}, expected a NumPy array")
        expect(pixels.dtype == np.uint8, f"{image.name} is {pixels.dtype}, expected uint8")


def labels(part: DatasetPart) -> None:
    """Check that labels are from 0 to classes - 1, or None without classes.

    If there are class_names, there must be one for each class.
    """
    classes = (part.entry.image or part.source().peek()).classes
    for image in part.looked_at:
        label = image.label
        if classes:
            within = isinstance(label, (int, np.integer)) and 0 <= label < classes
            expect(within, f"{image.name} has the label {label!r}, expected a number from 0 to {classes - 1}")
        else:
            expect(label is None, f"{image.name} has the label {label!r}, but the spec has no classes")
    for names in (part.entry.class_names, part.source().class_names()):
        expect(not names or len(names) == classes, f"there are {len(names)} class_names for {classes} classes")


def order(part: DatasetPart) -> None:
    """Check that two iterations give the same images in the same order, and that their number equals the length."""
    again = first(part.source())
    same = len(again) == len(part.images) and all(
        one.name == other.name and one.label == other.label and np.array_equal(one.pixels, other.pixels)
        for one, other in zip(part.images, again, strict=True)
    )
    expect(same, "a second iteration gives other images or another order")
    source = part.source()
    count, said = sum(1 for _ in islice(source, LOOKED_AT)), min(len(source), LOOKED_AT)
    expect(count == said, f"its length is {len(source)}, but iterating gives {'at least ' * (count > said)}{count}")


def content_key(part: DatasetPart) -> None:
    """Check that the content key is the same for the same images and differs for different images."""
    key = part.source().content_key()
    expect(isinstance(key, str) and key, f"content_key is {key!r}, expected a string")
    expect(key == part.source().content_key(), "content_key differs each time; hash the images' content")
    try:
        test = part.source("test")
        other, images = test.content_key(), first(test)
    except GanzooError:  # there is no such split
        return
    names = [(p.name, p.pixels.tobytes()) for p in part.images] != [(p.name, p.pixels.tobytes()) for p in images]
    expect(
        other != key or not names,
        "train and test have the same content_key but different images, so they would share a cache; hash the images",
    )


def splits(part: DatasetPart) -> None:
    """Check that the reference split, which scores are measured against, has at least 2 readable images."""
    try:
        count = len(first(part.source(part.entry.reference)))
    except GanzooError as error:
        expect(False, f"the entry says reference={part.entry.reference!r}, but that split fails: {error}")
    expect(count >= 2, f"the split {part.entry.reference!r} has {count} readable images; a score requires 2 or more")


def held_out(part: DatasetPart) -> None:
    """Check that the test split holds other images than the training split."""
    if not {"train", "test"} <= set(part.entry.splits):
        return
    try:
        train, test = part.source("train"), part.source("test")
        same = len(train) == len(test) and _hashes(train) == _hashes(test)
        known, tested = set(_hashes(islice(train, LOOKED_AT))), _hashes(islice(test, LOOKED_AT))
        shared = sum(one in known for one in tested)
    except GanzooError:  # there is no such split
        return
    expect(
        not same and 2 * shared <= len(tested),
        "the splits train and test hold the same images; give the test split images of its own, or leave it out of the "
        "entry's splits",
    )


def _hashes(source: Iterable[SourceImage | BadImage]) -> list[bytes]:
    """Return a hash of each readable image, sorted."""
    images = (item.pixels for item in source if isinstance(item, SourceImage))
    return sorted(sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest() for pixels in images)


def opens(part: DatasetPart) -> None:
    """Check that all images can be decoded and match the spec that networks are built for."""
    peeked = peek_dataset(part.entry, part.location, part.text, size=part.size, params=part.params)
    opened = open_dataset(part.entry, part.location, part.text, size=part.size, params=part.params).spec
    expect(peeked == opened, f"networks are built for {peeked}, but the images are {opened}")


def global_random_state(part: DatasetPart) -> None:
    """Check that the data set does not draw from, or seed, a global random state."""
    with global_state_watched("the data set"):
        source = part.source()
        source.content_key()
        first(source)


CHECKS = (
    interface,
    shapes,
    dtypes,
    labels,
    order,
    content_key,
    splits,
    held_out,
    opens,
    global_random_state,
)
