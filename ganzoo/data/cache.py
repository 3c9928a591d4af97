"""Pictures are decoded once, into memory-mapped arrays keyed by their content.

A cache folder is written under a temporary name and renamed, so it is there whole or not at all. Two
processes may write the same one at once; the first to finish wins, the other uses it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data.decode import RESIZE, Unreadable, resize
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadPicture, DataSource, Picture

FORMAT = 1
SHOWN = 3


def cached(
    source: DataSource, name: str, *, size: int | None, skip_bad: bool, root: Path
) -> tuple[Path, dict[str, Any]]:
    """The cache folder of a source and its ``meta.json``, made where it is not there.

    ``pictures.npy`` is uint8 ``(N, C, H, W)``, ``labels.npy`` int64 ``(N,)`` where there are labels. Raises
    GanzooError that names the picture and what to do, unless ``skip_bad`` leaves it out.
    """
    key = _key(source.content_key(), size, skip_bad)
    folder = root / "cache" / key[:32]
    if not (folder / "meta.json").exists():
        _write(source, name, folder, key, size, skip_bad)
    meta = json.loads((folder / "meta.json").read_text())
    return folder, meta


def _key(content: str, size: int | None, skip_bad: bool) -> str:
    made_of = json.dumps([FORMAT, content, size, RESIZE if size else None, skip_bad])
    return hashlib.sha256(made_of.encode()).hexdigest()


def _write(source: DataSource, name: str, folder: Path, key: str, size: int | None, skip_bad: bool) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder.parent)
    partial = folder.parent / f".{folder.name}.{os.getpid()}.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        meta = _fill(source, name, partial, size, skip_bad)
        meta["key"] = key
        (partial / "meta.json").write_text(json.dumps(meta))
        _flush(partial)
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / "meta.json").exists():
                raise
    except OSError as error:
        raise GanzooError(
            f"cannot write the cache {folder}: {error.strerror}; free some space or set data.root"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fill(source: DataSource, name: str, folder: Path, size: int | None, skip_bad: bool) -> dict[str, Any]:
    """Decode into a raw file as long as it turns out, then put NumPy's header before it."""
    skipped: list[str] = []
    labels: list[int | None] = []
    first: tuple[str, tuple[int, ...]] | None = None
    raw = folder / "pictures.raw"
    with raw.open("wb") as stream:
        for item in source:
            try:
                pixels = _prepare(item, size)
                if first is None:
                    first = (item.name, pixels.shape)
                _check_like_first(pixels, first)
            except Unreadable as error:
                if not skip_bad:
                    raise GanzooError(
                        f"{name}: {item.name}: {error}, or leave it out with data.skip_bad=true"
                    ) from error
                skipped.append(item.name)
                continue
            stream.write(np.ascontiguousarray(pixels).tobytes())
            assert isinstance(item, Picture)
            labels.append(item.label)
    if first is None:
        raise GanzooError(f"{name}: none of its {len(skipped)} pictures can be read; check the files")
    shape = (len(labels), *first[1])
    pictures = np.lib.format.open_memmap(folder / "pictures.npy", mode="w+", dtype=np.uint8, shape=shape)
    pictures[:] = np.memmap(raw, dtype=np.uint8, mode="r", shape=shape)
    pictures.flush()
    del pictures
    raw.unlink()
    labelled = [label for label in labels if label is not None]
    if len(labelled) == len(labels):
        np.save(folder / "labels.npy", np.asarray(labelled, dtype=np.int64), allow_pickle=False)
    return {
        "shape": shape,
        "labelled": len(labelled) == len(labels),
        "skipped": skipped,
        "resize": RESIZE if size else {},
    }


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


def _remove_leftovers(parent: Path) -> None:
    """What processes that no longer live had begun."""
    for partial in parent.glob(".*.part"):
        pid = partial.name.split(".")[-2]
        if pid.isdigit() and int(pid) != os.getpid() and not _alive(int(pid)):
            shutil.rmtree(partial, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _flush(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def list_skipped(skipped: Iterable[str]) -> str:
    """A count and the first few names."""
    names = list(skipped)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} unreadable pictures left out: {', '.join(names[:SHOWN])}{more}"
