"""The cache of decoded images: memory-mapped arrays with keys that depend on the content of the set.

For a streamed set, the cache holds the places of the images in their files instead of the images.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.config.schema import ALL
from ganzoo.data.fill import IMAGES, PLACES, fill
from ganzoo.data.prepare import RESIZE, Processing
from ganzoo.data.stream import BlockReader, StreamedArray
from ganzoo.errors import Damaged, GanzooError
from ganzoo.interfaces import DataSource, StreamedSource
from ganzoo.utils.checksum import sealed, sha256_of, unsealed
from ganzoo.utils.files import discard, whole_directory
from ganzoo.utils.safe_yaml import parse_json

logger = logging.getLogger(__name__)
FORMAT = 1
SUMS = "sums"
COMPLETE = "all-formats"  # a file in a cache: data.formats=all leaves out the same images as this cache
REFUSED = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE}  # errors that say nothing about the content
CHECKED = 4 * 2**30  # bytes; larger files are not verified, since reading them at each start would take too long

_checked: set[tuple[str, int, int]] = set()  # path, size and time of the files that this process has verified


def cached(
    source: DataSource,
    name: str,
    processing: Processing,
    root: Path,
    params: Any = None,
) -> tuple[np.ndarray | StreamedArray, np.ndarray | None, dict[str, Any]]:
    """Return the images of a source, its labels and the content of ``meta.json``; fill the cache if necessary.

    Images are uint8 ``(N, C, H, W)``, memory-mapped or streamed; labels are int64 ``(N,)`` or None. A damaged cache is
    logged and made again.

    params: the source's parameters, part of the key; None for a source without any. Raises GanzooError, with the name
    of the image and what to do, if an image cannot be used and ``skip_bad`` is not set.
    """
    key = _key(source, processing, params)
    keys = [key] if processing.formats != ALL else [_beyond(key), key]
    for known in keys:
        directory = _directory(root, known)
        if not directory.exists():
            continue
        try:
            found = _read(source, directory, known, processing)
        except Damaged as error:
            logger.warning(f"{error}; it is made anew")
            _discard(directory)
            continue
        if known != key or processing.formats != ALL or _complete(directory, found[2]):
            return found
    written = _write(source, name, root, key, processing)
    return _read(source, _directory(root, written), written, processing)


def _directory(root: Path, key: str) -> Path:
    return root / "cache" / key[:32]


def _beyond(key: str) -> str:
    """Return the key of a cache with images that ``data.formats=basic`` does not read.

    Without such images, both formats have the same images and share the key that was used before this setting existed.
    """
    return hashlib.sha256(f"{key} with all formats".encode()).hexdigest()


def _complete(directory: Path, meta: dict[str, Any]) -> bool:
    """Return whether ``data.formats=all`` leaves out the same images; False for old caches if it is unknown."""
    return not meta.get("left_out") or (directory / COMPLETE).exists()


def _discard(directory: Path) -> None:
    try:
        discard(directory)
    except OSError as error:
        raise GanzooError(f"the cache {directory} is damaged and cannot be removed: {error.strerror}") from error


def _read(
    source: DataSource, directory: Path, key: str, processing: Processing
) -> tuple[np.ndarray | StreamedArray, np.ndarray | None, dict[str, Any]]:
    try:
        meta = unsealed(parse_json((directory / "meta.json").read_bytes()))
        for part, known in meta.get(SUMS, {}).items():
            _check(directory / part, known)
        array: np.ndarray | StreamedArray
        if isinstance(source, StreamedSource):
            places = np.load(directory / PLACES, allow_pickle=False)
            reader = BlockReader(source, places, tuple(meta["shape"][1:]), processing)
            array = StreamedArray(reader, np.arange(len(places)))
        else:
            array = np.load(directory / IMAGES, mmap_mode="r", allow_pickle=False)
        labels = np.load(directory / "labels.npy", allow_pickle=False) if meta["labelled"] else None
        if meta["key"] != key or list(array.shape) != meta["shape"]:
            raise ValueError("its parts do not match")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        if isinstance(error, OSError) and error.errno in REFUSED:
            raise GanzooError(
                f"cannot read the cache {directory}: {error.strerror}; set data.root to another"
            ) from error
        raise Damaged(f"the cache {directory} is damaged") from error
    return array, labels, meta


def _check(file: Path, known: str) -> None:
    """Verify a file's checksum, once in a process unless the file changes. Raises ValueError if it does not match."""
    stat = file.stat()
    seen = (str(file), stat.st_size, stat.st_mtime_ns)
    if seen in _checked or stat.st_size > CHECKED:
        return
    if sha256_of(file) != known:
        raise ValueError("its checksum does not match")
    _checked.add(seen)


def _key(source: DataSource, processing: Processing, params: Any) -> str:
    """Return the SHA-256 of the source's content, its parameters and the processing."""
    size = processing.size
    streamed = ["streamed"] if isinstance(source, StreamedSource) else []
    # "most": if sizes differ, the most frequent one is used, not that of the first image.
    skip = "most" if processing.skip_bad else False
    # A content key need not cover the parameters, which decide what is read from the files.
    options = [] if params is None else [{"options": asdict(params)}]
    made_of = [FORMAT, source.content_key(), size, RESIZE if size else None, skip, *processing.key, *streamed, *options]
    return hashlib.sha256(json.dumps(made_of, default=str).encode()).hexdigest()


def _write(source: DataSource, name: str, root: Path, key: str, processing: Processing) -> str:
    """Decode the set into the cache; return its key."""
    directory = _directory(root, key)
    try:
        with whole_directory(directory, final=lambda: _directory(root, key)) as partial:
            meta = fill(source, name, partial, processing)
            if meta["beyond_basic"]:
                key = _beyond(key)
            sums = {file.name: sha256_of(file) for file in sorted(partial.iterdir())}
            (partial / "meta.json").write_text(json.dumps(sealed({**meta, "key": key, SUMS: sums})))
        if processing.formats == ALL:
            (_directory(root, key) / COMPLETE).touch()
    except OSError as error:
        raise GanzooError(
            f"cannot write the cache {directory}: {error.strerror or error}; free some space or set data.root"
        ) from error
    return key
