"""Pictures are decoded once, into memory-mapped arrays keyed by their content.

Of a set that is streamed, the places of its pictures are kept instead: it was looked through once, all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ganzoo.data.decode import RESIZE, Unreadable, resize
from ganzoo.data.stream import BlockReader, StreamedArray
from ganzoo.data.whole import discard, whole_folder
from ganzoo.digest import sealed, sha256_of, unsealed
from ganzoo.errors import Damaged, GanzooError
from ganzoo.interfaces import BadPicture, DataSource, Picture, StreamedSource
from ganzoo.plain import parse_json
from ganzoo.printable import printable

FORMAT = 1
SHOWN = 3
SUMS = "sums"
PLACES = "places.npy"  # of each picture of a streamed set: file, first byte, end
CHECKED = 4 * 2**30  # bytes: what is larger is not read as a whole at each start to see whether it is what was written

_checked: set[tuple[str, int, int]] = set()  # by this process, by path, size and time


def cached(
    source: DataSource,
    name: str,
    *,
    size: int | None,
    skip_bad: bool,
    root: Path,
    warn: Callable[[str], None] = lambda message: None,
) -> tuple[np.ndarray | StreamedArray, np.ndarray | None, dict[str, Any]]:
    """Pictures, memory-mapped uint8 ``(N, C, H, W)``, labels int64 ``(N,)`` or None, and ``meta.json``.

    Made where they are not there, and made anew where they are not what was written, which ``warn`` is told.
    Raises GanzooError that names the picture and what to do, unless ``skip_bad`` leaves it out.
    """
    key = _key(source, size, skip_bad)
    folder = root / "cache" / key[:32]
    if not folder.exists():
        _write(source, name, folder, key, size, skip_bad)
    try:
        return _read(source, folder, key, size)
    except Damaged as error:
        warn(f"{error}; it is made anew")
    try:
        discard(folder)
    except OSError as error:
        raise GanzooError(f"the cache {folder} is damaged and cannot be removed: {error.strerror}") from error
    _write(source, name, folder, key, size, skip_bad)
    return _read(source, folder, key, size)


def _read(
    source: DataSource, folder: Path, key: str, size: int | None
) -> tuple[np.ndarray | StreamedArray, np.ndarray | None, dict[str, Any]]:
    try:
        meta = unsealed(parse_json((folder / "meta.json").read_bytes()))
        for part, known in meta.get(SUMS, {}).items():
            _check(folder / part, known)
        array: np.ndarray | StreamedArray
        if isinstance(source, StreamedSource):
            places = np.load(folder / PLACES, allow_pickle=False)
            array = StreamedArray(BlockReader(source, places, tuple(meta["shape"][1:]), size), np.arange(len(places)))
        else:
            array = np.load(folder / "pictures.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / "labels.npy", allow_pickle=False) if meta["labelled"] else None
        if meta["key"] != key or list(array.shape) != meta["shape"]:
            raise ValueError("its parts do not belong together")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise Damaged(f"the cache {folder} is damaged") from error
    return array, labels, meta


def _check(file: Path, known: str) -> None:
    """Once in a process; again where the file has changed since. Raises ValueError."""
    stat = file.stat()
    seen = (str(file), stat.st_size, stat.st_mtime_ns)
    if seen in _checked or stat.st_size > CHECKED:
        return
    if sha256_of(file) != known:
        raise ValueError("its checksum does not fit")
    _checked.add(seen)


def _key(source: DataSource, size: int | None, skip_bad: bool) -> str:
    streamed = ["streamed"] if isinstance(source, StreamedSource) else []
    made_of = json.dumps([FORMAT, source.content_key(), size, RESIZE if size else None, skip_bad, *streamed])
    return hashlib.sha256(made_of.encode()).hexdigest()


def _write(source: DataSource, name: str, folder: Path, key: str, size: int | None, skip_bad: bool) -> None:
    try:
        with whole_folder(folder) as partial:
            meta = _fill(source, name, partial, size, skip_bad)
            sums = {file.name: sha256_of(file) for file in sorted(partial.iterdir())}
            (partial / "meta.json").write_text(json.dumps(sealed({**meta, "key": key, SUMS: sums})))
    except OSError as error:
        raise GanzooError(
            f"cannot write the cache {folder}: {error.strerror or error}; free some space or set data.root"
        ) from error


def _fill(source: DataSource, name: str, folder: Path, size: int | None, skip_bad: bool) -> dict[str, Any]:
    skipped: list[str] = []
    reason = ""
    labels: list[int | None] = []
    first: tuple[str, tuple[int, ...]] | None = None
    places: list[tuple[int, int, int]] = []
    with (folder / "pictures.npy").open("wb") as stream:
        for place, item in _items(source):
            title = printable(item.name)
            try:
                pixels = _prepare(item, size)
                if first is None:
                    first = (title, pixels.shape)
                    _write_header(stream, (0, *pixels.shape))
                _check_like_first(pixels, first)
            except Unreadable as error:
                if not skip_bad:
                    raise GanzooError(f"{name}: {title}: {error}, or leave it out with data.skip_bad=true") from error
                reason = reason or f"{title}: {error}"
                skipped.append(title)
                continue
            if place is None:
                stream.write(np.ascontiguousarray(pixels).tobytes())
            else:
                places.append(place)
            assert isinstance(item, Picture)
            labels.append(item.label)
        if first is None:
            raise GanzooError(f"{name}: none of its {len(skipped)} pictures can be used; the first, {reason}")
        shape = (len(labels), *first[1])
        stream.seek(0)
        _write_header(stream, shape)  # now that the count is known
    if places:
        (folder / "pictures.npy").unlink()
        np.save(folder / PLACES, np.asarray(places, dtype=np.int64), allow_pickle=False)
    labelled = [label for label in labels if label is not None]
    if len(labelled) == len(labels):
        np.save(folder / "labels.npy", np.asarray(labelled, dtype=np.int64), allow_pickle=False)
    return {
        "shape": shape,
        "labelled": len(labelled) == len(labels),
        "skipped": skipped,
        "resize": RESIZE if size else {},
    }


def _items(source: DataSource) -> Iterator[tuple[tuple[int, int, int] | None, Picture | BadPicture]]:
    """Every picture, of a streamed set with its place."""
    return source.located() if isinstance(source, StreamedSource) else ((None, item) for item in source)


def _write_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    """NumPy's, which leaves room for a first axis of any length: it can be written again with another one."""
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _prepare(item: Picture | BadPicture, size: int | None) -> np.ndarray:
    if isinstance(item, BadPicture):
        raise Unreadable(item.reason)
    return resize(item.pixels, size)


def _check_like_first(pixels: np.ndarray, first: tuple[str, tuple[int, ...]]) -> None:
    name, shape = first
    if pixels.shape[0] != shape[0]:
        raise Unreadable(f"it has {pixels.shape[0]} channels, {name} has {shape[0]}; make all grey or all colour")
    if pixels.shape != shape:
        raise Unreadable(
            f"it is {pixels.shape[2]}x{pixels.shape[1]}, {name} is {shape[2]}x{shape[1]}; set data.size=N to resize all"
        )


def list_skipped(skipped: Iterable[str]) -> str:
    """A count and the first few names."""
    names = list(skipped)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} unreadable pictures left out: {', '.join(names[:SHOWN])}{more}"
