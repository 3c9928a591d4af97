"""Decode every image of a source into one array, and skip or refuse those that cannot be used.

All images of an array have the same size and number of channels: by default those of most images, which are known only
at the end. So images are written as they are decoded, and written again only if they differ.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ganzoo.data.channels import chosen_channels, conversion, convert
from ganzoo.data.kinds import Unreadable
from ganzoo.data.prepare import Processing, is_basic, prepare
from ganzoo.data.usage import UNREADABLE
from ganzoo.errors import GanzooError, printable
from ganzoo.interfaces import BadImage, DataSource, SourceImage, StreamedSource
from ganzoo.utils.waiting import counted

IMAGES = "pictures.npy"
PLACES = "places.npy"  # file, first byte and end of each image of a streamed set

Shape = tuple[int, int, int]
Place = tuple[int, int, int]


@dataclass(frozen=True)
class _Decoded:
    """An image that was written, or whose place was noted."""

    title: str
    shape: Shape
    label: int | None
    place: Place | None
    treated: tuple[str, ...]
    basic: bool


@dataclass
class _Decoding:
    """The images in the order of the source. begins: the position of the first pixel in the file."""

    decoded: list[_Decoded] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    first_reason: str = ""
    begins: int = 0


def fill(source: DataSource, name: str, directory: Path, processing: Processing) -> dict[str, Any]:
    """Write the images, or the places of a streamed set, and the labels; return their description for ``meta.json``.

    Raises GanzooError if no image can be used or, without ``skip_bad``, for the first image that cannot be used.
    """
    file, known = directory / IMAGES, source.left_out()
    found = _decode(source, name, file, processing)
    if not found.decoded:
        raise GanzooError(
            f"{name}: none of its {len(found.unreadable)} images can be used; the first, {found.first_reason}"
        )
    height, width = Counter(item.shape[1:] for item in found.decoded).most_common(1)[0][0]
    used = [item for item in found.decoded if item.shape[1:] == (height, width)]
    others = [item.title for item in found.decoded if item.shape[1:] != (height, width)]
    channels = chosen_channels(processing.channels, Counter(item.shape[0] for item in used))
    shape = (channels, height, width)
    if isinstance(source, StreamedSource):
        file.unlink()
        np.save(directory / PLACES, np.asarray([item.place for item in used], dtype=np.int64), allow_pickle=False)
    elif any(item.shape != shape for item in found.decoded):
        _write_alike(file, found, len(used), shape)
    else:
        with file.open("r+b") as stream:
            _write_header(stream, (len(used), *shape))  # now that the count is known
    labels = [item.label for item in used if item.label is not None]
    labelled = len(labels) == len(used)
    if labelled:
        np.save(directory / "labels.npy", np.asarray(labels, dtype=np.int64), allow_pickle=False)
    seen = source.left_out()  # differs from before if the source counts while it is read
    left_out = {
        **(seen if seen != known else {}),
        UNREADABLE: len(found.unreadable),
        f"of another size than {width}x{height}": len(others),
    }
    return {
        "shape": [len(used), *shape],
        "labelled": labelled,
        "labels": len(labels),
        "skipped": [*found.unreadable, *others],
        "unreadable": found.unreadable,
        "left_out": {reason: number for reason, number in left_out.items() if number},
        "converted": dict(Counter(conversion(item.shape[0], channels) for item in used if item.shape[0] != channels)),
        "treated": dict(Counter(what for item in used for what in item.treated)),
        "beyond_basic": sum(not item.basic for item in used),
        "resize": processing.resize,
    }


def _decode(source: DataSource, name: str, file: Path, processing: Processing) -> _Decoding:
    """Write the images in the order of the source, each with its own channels and size."""
    found = _Decoding()
    with file.open("wb") as stream:
        for place, item in counted(f"decoding {name}", _items(source), _count(source), "images"):
            title = printable(item.name)
            try:
                prepared = prepare(item, processing)
                pixels = prepared.pixels
                if found.decoded and not processing.skip_bad:
                    _check_size(pixels, found.decoded[0])
            except Unreadable as error:
                if not processing.skip_bad:
                    raise GanzooError(f"{name}: {title}: {error}, or leave it out with data.skip_bad=true") from error
                found.first_reason = found.first_reason or f"{title}: {error}"
                found.unreadable.append(title)
                continue
            assert isinstance(item, SourceImage)
            if not found.decoded:
                _write_header(stream, (0, *pixels.shape))
                found.begins = stream.tell()
            if place is None:
                stream.write(np.ascontiguousarray(pixels).tobytes())
            shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
            found.decoded.append(_Decoded(title, shape, item.label, place, prepared.treated, is_basic(item)))
    return found


def _write_alike(file: Path, found: _Decoding, count: int, shape: Shape) -> None:
    """Write the images of the size in ``shape`` again, all with its channels."""
    again = file.with_name(f"again-{file.name}")
    with file.open("rb") as old, again.open("wb") as new:
        old.seek(found.begins)
        _write_header(new, (count, *shape))
        for item in counted("giving all images the same channels", found.decoded, len(found.decoded), "images"):
            pixels = np.frombuffer(old.read(math.prod(item.shape)), np.uint8).reshape(item.shape)
            if item.shape[1:] == shape[1:]:
                new.write(np.ascontiguousarray(convert(pixels, shape[0])).tobytes())
    again.replace(file)


def _items(source: DataSource) -> Iterator[tuple[Place | None, SourceImage | BadImage]]:
    """Return all images, each with its place if the set is streamed."""
    return source.located() if isinstance(source, StreamedSource) else ((None, item) for item in source)


def _count(source: DataSource) -> int:
    """Return the number of images; 0 for a set that must be read completely to count them."""
    return len(source) if source.counted else 0


def _write_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header of a NumPy file. It has room for any length of the first axis, so it can be overwritten."""
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _check_size(pixels: np.ndarray, first: _Decoded) -> None:
    height, width = first.shape[1:]
    if pixels.shape[1:] != (height, width):
        raise Unreadable(
            f"it is {pixels.shape[2]}x{pixels.shape[1]}, {first.title} is {width}x{height}; "
            "set data.size=N to resize all"
        )
