"""Images are decoded once, into memory-mapped arrays keyed by their content.

Of a set that is streamed, the places of its images are kept instead: it was looked through once, all the same.
"""

from __future__ import annotations

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
COMPLETE = "all-formats"  # a file in a cache that left images out: data.formats=all leaves out the same ones
CHECKED = 4 * 2**30  # bytes: what is larger is not read as a whole at each start to see whether it is what was written

_checked: set[tuple[str, int, int]] = set()  # by this process, by path, size and time


def cached(
    source: DataSource,
    name: str,
    processing: Processing,
    root: Path,
    params: Any = None,
) -> tuple[np.ndarray | StreamedArray, np.ndarray | None, dict[str, Any]]:
    """Images, memory-mapped uint8 ``(N, C, H, W)``, labels int64 ``(N,)`` or None, and ``meta.json``.

    params: the source's, part of the key; None for a source without any.

    Made where they are not there, and made anew where they are not what was written, which is logged.
    Raises GanzooError that names the image and what to do, unless ``skip_bad`` leaves it out.
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
    """The key of a set with images that ``data.formats=basic`` does not read.

    Without such images both have the key from before there was this setting, and the same images.
    """
    return hashlib.sha256(f"{key} with all formats".encode()).hexdigest()


def _complete(directory: Path, meta: dict[str, Any]) -> bool:
    """Tell whether ``data.formats=all`` leaves out the same images; unknown of some caches from before it."""
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
        raise Damaged(f"the cache {directory} is damaged") from error
    return array, labels, meta


def _check(file: Path, known: str) -> None:
    """Once in a process; again where the file has changed since. Raises ValueError."""
    stat = file.stat()
    seen = (str(file), stat.st_size, stat.st_mtime_ns)
    if seen in _checked or stat.st_size > CHECKED:
        return
    if sha256_of(file) != known:
        raise ValueError("its checksum does not match")
    _checked.add(seen)


def _key(source: DataSource, processing: Processing, params: Any) -> str:
    """SHA-256 of the source's content, of its parameters, and of what is done to it."""
    size = processing.size
    streamed = ["streamed"] if isinstance(source, StreamedSource) else []
    # "most": of several sizes the most frequent one is used, not that of the first image.
    skip = "most" if processing.skip_bad else False
    # A content key may leave the parameters out, which decide what is read of the same files.
    options = [] if params is None else [{"options": asdict(params)}]
    made_of = [FORMAT, source.content_key(), size, RESIZE if size else None, skip, *processing.key, *streamed, *options]
    return hashlib.sha256(json.dumps(made_of, default=str).encode()).hexdigest()


def _write(source: DataSource, name: str, root: Path, key: str, processing: Processing) -> str:
    """Decode the set; return the key under which it is kept."""
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
