"""From a data set's name to its pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ganzoo.config import data_root
from ganzoo.data.cache import cached, list_skipped
from ganzoo.data.pictures import Pictures
from ganzoo.entries import DatasetEntry, PictureSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import DataSource, Picture
from ganzoo.recipe import parse_data
from ganzoo.registry import Registry, load_target


def open_pictures(
    registry: Registry,
    name: str,
    *,
    split: str = "train",
    size: int | None = None,
    root: Path | None = None,
    skip_bad: bool = False,
    warn: Callable[[str], None] = lambda message: None,
) -> Pictures:
    """Decode, or find what was decoded before. ``name`` is ``mnist`` or ``folder:PATH``.

    root: where data sets and what was decoded are kept; None: GANZOO_DATA or ~/.cache/ganzoo/data.
    warn: told of the pictures that ``skip_bad`` left out, and of a cache that was damaged.
    Raises GanzooError for an unknown or missing set and for the first picture that cannot be used.
    """
    root = root or data_root(None)
    entry, source = _source(registry, name, root, split)
    native = entry.picture is not None and size == entry.picture.size
    array, labels, meta = cached(source, name, size=None if native else size, skip_bad=skip_bad, root=root, warn=warn)
    if meta["skipped"]:
        warn(f"{name}: {list_skipped(meta['skipped'])}")
    # As peek_spec counts them, so that leaving pictures out changes no network.
    classes = 0 if labels is None else (entry.picture or source.peek()).classes
    return Pictures(
        array=array,
        labels=labels,
        spec=PictureSpec(array.shape[1], array.shape[2], classes),
        name=name,
        split="all" if entry.takes_location else split,
        fingerprint=meta["key"],
        class_names=entry.class_names,
        demonstration=entry.demonstration,
        resize=meta["resize"],
        skipped=tuple(meta["skipped"]),
    )


def peek_spec(
    registry: Registry, name: str, *, split: str = "train", size: int | None = None, root: Path | None = None
) -> PictureSpec:
    """The spec that :func:`open_pictures` will have, without decoding the set."""
    entry, source = _source(registry, name, root or data_root(None), split)
    native = entry.picture or source.peek()
    if size is None and native.size == 0:
        first = next(item.name for item in source if isinstance(item, Picture))
        raise GanzooError(f"{name}: {first} is not square; set data.size=N to crop and resize all")
    return PictureSpec(native.channels, size or native.size, native.classes)


def reference_split(registry: Registry, name: str) -> str:
    """The split a score of this set is measured against."""
    return parse_data(name, registry)[0].reference


def _source(registry: Registry, name: str, root: Path, split: str) -> tuple[DatasetEntry, DataSource]:
    entry, location = parse_data(name, registry)
    if entry.takes_location and not location:
        raise GanzooError(f"data.name={name}: write where the pictures are, {entry.name}:PATH")
    if location and not entry.takes_location:
        raise GanzooError(f"data.name={name}: {entry.name} takes no location; write data.name={entry.name}")
    return entry, load_target(entry.target)(location, root, split)
