"""From a data set's name to its pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ganzoo.config.recipe import parse_data
from ganzoo.config.schema import DataConfig
from ganzoo.data.cache import cached
from ganzoo.data.channels import AUTO
from ganzoo.data.dataset import Pictures
from ganzoo.data.fill import Processing
from ganzoo.data.usage import Usage
from ganzoo.entries import DatasetEntry, PictureSpec
from ganzoo.errors import GanzooError, printable
from ganzoo.interfaces import DataSource, Picture
from ganzoo.plugin.registry import Registry, load_target
from ganzoo.utils.files import data_root


def open_pictures(
    registry: Registry,
    name: str,
    *,
    split: str = "train",
    size: int | None = None,
    root: Path | None = None,
    skip_bad: bool = False,
    channels: str = AUTO,
    warn: Callable[[str], None] = lambda message: None,
) -> Pictures:
    """Decode, or find what was decoded before. ``name`` is ``mnist`` or ``folder:PATH``.

    root: where data sets and what was decoded are kept; None: GANZOO_DATA or ~/.cache/ganzoo/data.
    channels: "1", "3", or "auto" for what most pictures have; the others are converted.
    warn: told of a cache that was damaged. What was skipped or converted is in ``usage``.
    Raises GanzooError for an unknown or missing set and for the first picture that cannot be used.
    """
    root = root or data_root(None)
    entry, source = _source(registry, name, root, split)
    own = entry.picture
    processing = Processing(
        size=None if own is not None and size == own.size else size,
        channels=AUTO if own is not None and channels == str(own.channels) else channels,
        skip_bad=skip_bad,
    )
    array, labels, meta = cached(source, name, processing, root, warn)
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
        usage=Usage(
            used=len(array),
            skipped={**source.left_out(), **meta.get("left_out", {})},
            converted=meta.get("converted", {}),
            named=tuple(meta.get("unreadable", ())),
            remarks=(*source.remarks(), *_partly_labelled(meta.get("labels", 0), len(array))),
        ),
    )


def _partly_labelled(labels: int, pictures: int) -> tuple[str, ...]:
    partly = 0 < labels < pictures
    return (f"only {labels:,} of them have labels, so no labels are used",) if partly else ()


def open_configured(
    registry: Registry,
    data: DataConfig,
    *,
    split: str | None = None,
    root: Path | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Pictures:
    """Open what a configuration names: :func:`open_pictures` with its settings, by default of its own split."""
    return open_pictures(
        registry,
        data.name,
        split=split or data.split,
        size=data.size,
        root=root or data_root(data.root),
        skip_bad=data.skip_bad,
        channels=data.channels,
        warn=warn,
    )


def peek_spec(
    registry: Registry,
    name: str,
    *,
    split: str = "train",
    size: int | None = None,
    root: Path | None = None,
    channels: str = AUTO,
) -> PictureSpec:
    """The spec that :func:`open_pictures` will have, without decoding the set."""
    entry, source = _source(registry, name, root or data_root(None), split)
    native = entry.picture or source.peek()
    if size is None and native.size == 0:
        first = next(item.name for item in source if isinstance(item, Picture) and not _is_square(item))
        raise GanzooError(f"{name}: {printable(first)} is not square; set data.size=N to crop and resize all")
    return PictureSpec(native.channels if channels == AUTO else int(channels), size or native.size, native.classes)


def peek_configured(registry: Registry, data: DataConfig, root: Path | None = None) -> PictureSpec:
    """Return the spec of what a configuration names, as :func:`peek_spec`."""
    place = root or data_root(data.root)
    return peek_spec(registry, data.name, split=data.split, size=data.size, root=place, channels=data.channels)


def _is_square(picture: Picture) -> bool:
    return picture.pixels.shape[0] == picture.pixels.shape[1]


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
