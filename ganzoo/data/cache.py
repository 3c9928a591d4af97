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

from ganzoo.data.channels import AUTO
from ganzoo.data.decode import RESIZE
from ganzoo.data.fill import IMAGES, PLACES, Processing, fill
from ganzoo.data.stream import BlockReader, StreamedArray
from ganzoo.errors import Damaged, GanzooError
from ganzoo.interfaces import DataSource, StreamedSource
from ganzoo.utils.checksum import sealed, sha256_of, unsealed
from ganzoo.utils.files import discard, whole_directory
from ganzoo.utils.safe_yaml import parse_json

logger = logging.getLogger(__name__)
FORMAT = 1
SUMS = "sums"
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
    directory = root / "cache" / key[:32]
    if not directory.exists():
        _write(source, name, directory, key, processing)
    try:
        return _read(source, directory, key, processing.size)
    except Damaged as error:
        logger.warning(f"{error}; it is made anew")
    try:
        discard(directory)
    except OSError as error:
        raise GanzooError(f"the cache {directory} is damaged and cannot be removed: {error.strerror}") from error
    _write(source, name, directory, key, processing)
    return _read(source, directory, key, processing.size)


def _read(
    source: DataSource, directory: Path, key: str, size: int | None
) -> tuple[np.ndarray | StreamedArray, np.ndarray | None, dict[str, Any]]:
    try:
        meta = unsealed(parse_json((directory / "meta.json").read_bytes()))
        for part, known in meta.get(SUMS, {}).items():
            _check(directory / part, known)
        array: np.ndarray | StreamedArray
        if isinstance(source, StreamedSource):
            places = np.load(directory / PLACES, allow_pickle=False)
            array = StreamedArray(BlockReader(source, places, tuple(meta["shape"][1:]), size), np.arange(len(places)))
        else:
            array = np.load(directory / IMAGES, mmap_mode="r", allow_pickle=False)
        labels = np.load(directory / "labels.npy", allow_pickle=False) if meta["labelled"] else None
        if meta["key"] != key or list(array.shape) != meta["shape"]:
            raise ValueError("its parts do not belong together")
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
        raise ValueError("its checksum does not fit")
    _checked.add(seen)


def _key(source: DataSource, processing: Processing, params: Any) -> str:
    """SHA-256 of the source's content, of its parameters, and of what is done to it."""
    size = processing.size
    channels = [] if processing.channels == AUTO else [f"channels {processing.channels}"]
    streamed = ["streamed"] if isinstance(source, StreamedSource) else []
    # "most": of several sizes the most frequent one is used, not that of the first image.
    skip = "most" if processing.skip_bad else False
    # A content key may leave the parameters out, which decide what is read of the same files.
    options = [] if params is None else [{"options": asdict(params)}]
    made_of = [FORMAT, source.content_key(), size, RESIZE if size else None, skip, *channels, *streamed, *options]
    return hashlib.sha256(json.dumps(made_of, default=str).encode()).hexdigest()


def _write(source: DataSource, name: str, directory: Path, key: str, processing: Processing) -> None:
    try:
        with whole_directory(directory) as partial:
            meta = fill(source, name, partial, processing)
            sums = {file.name: sha256_of(file) for file in sorted(partial.iterdir())}
            (partial / "meta.json").write_text(json.dumps(sealed({**meta, "key": key, SUMS: sums})))
    except OSError as error:
        raise GanzooError(
            f"cannot write the cache {directory}: {error.strerror or error}; free some space or set data.root"
        ) from error
