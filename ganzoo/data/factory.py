"""Open the data set of a configuration, or look up its spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo.config.schema import ALL, CROP, Config, DataConfig
from ganzoo.data import sources
from ganzoo.data.cache import cached
from ganzoo.data.channels import AUTO
from ganzoo.data.dataset import Images
from ganzoo.data.prepare import Processing
from ganzoo.data.sources import NONE, make_source, params_of
from ganzoo.data.usage import Usage
from ganzoo.entries import DatasetEntry, ImageSpec
from ganzoo.errors import GanzooError, printable
from ganzoo.interfaces import BadImage, DataSource, SourceImage
from ganzoo.utils.files import data_root


def open_configured(
    config: Config,
    *,
    split: str | None = None,
    root: Path | None = None,
) -> Images:
    """Open a configuration's data set, by default its own split. Raises GanzooError as :func:`open_dataset` does."""
    return open_as(config.values.data, config.dataset, config.location, split=split, root=root)


def open_as(
    data: DataConfig, entry: DatasetEntry, location: str | None, *, split: str | None = None, root: Path | None = None
) -> Images:
    """Open a data set with the settings of ``data``, by default with their split.

    entry, location: those of the set that ``data.name`` names. Raises GanzooError as :func:`open_dataset` does.
    """
    return open_dataset(
        entry,
        location,
        data.name,
        split=split or data.split,
        size=data.size,
        root=root or data_root(data.root),
        skip_bad=data.skip_bad,
        channels=data.channels,
        labels=data.labels,
        params=data.params,
        fit=data.fit,
        background=data.background,
        formats=data.formats,
    )


def open_dataset(
    entry: DatasetEntry,
    location: str | None,
    name: str,
    *,
    split: str = "train",
    size: int | None = None,
    root: Path | None = None,
    skip_bad: bool = False,
    channels: str = AUTO,
    labels: str = sources.AUTO,
    params: Any = None,
    fit: str = CROP,
    background: str | None = None,
    formats: str = ALL,
) -> Images:
    """Decode a data set, or read it from the cache.

    name: the set's name in the configuration, for messages and scores.
    root: the directory of data sets and the cache; None: GANZOO_DATA or ~/.cache/ganzoo/data.
    channels: "1", "3", or "auto" for those of most images; other images are converted.
    labels: where labels come from, as in ``data.labels``. params: the source's; None for the entry's defaults.
    fit, background, formats: as in ``data``.
    ``usage`` of the result counts skipped and converted images. A damaged cache is logged and made again.
    Raises GanzooError if the set or its labels are missing; without ``skip_bad``, also for the first image that cannot
    be used.
    """
    root = root or data_root(None)
    source = make_source(entry, location, root, split, params=params, labels=labels, formats=formats, name=name)
    _check_fit(name, fit, size)
    own = entry.image
    processing = Processing(
        size=None if own is not None and size == own.size else size,
        channels=AUTO if own is not None and channels == str(own.channels) else channels,
        skip_bad=skip_bad,
        fit=fit,
        background=background,
        formats=formats,
    )
    array, kept, meta = cached(source, name, processing, root, params_of(entry, params))
    if labels == NONE:
        kept = None
    # Counted as in peek_dataset, so that skipped images do not change the networks.
    classes = 0 if kept is None else (entry.image or source.peek()).classes
    return Images(
        array=array,
        labels=kept,
        spec=ImageSpec(array.shape[1], array.shape[2], classes),
        name=name,
        split="all" if entry.takes_location else split,
        fingerprint=meta["key"],
        class_names=_class_names(entry, source, name, classes),
        demonstration=entry.demonstration,
        resize=meta["resize"],
        skipped=tuple(meta["skipped"]),
        usage=Usage(
            used=len(array),
            skipped={**source.left_out(), **meta.get("left_out", {})},
            converted=meta.get("converted", {}),
            treated=meta.get("treated", {}),
            named=tuple(meta.get("unreadable", ())),
            remarks=(
                *source.remarks(),
                *(() if labels == NONE else _partly_labelled(meta.get("labels", 0), len(array))),
            ),
        ),
    )


def _class_names(entry: DatasetEntry, source: DataSource, name: str, classes: int) -> tuple[str, ...]:
    """Return the source's class names, otherwise the entry's; () without labels."""
    if not classes:
        return ()
    names = tuple(map(printable, source.class_names()))
    if names and len(names) != classes:
        raise GanzooError(f"{name}: its source names {len(names)} of {classes} classes; fix class_names in its plugin")
    return names or entry.class_names


def _partly_labelled(labels: int, images: int) -> tuple[str, ...]:
    partly = 0 < labels < images
    return (f"only {labels:,} of them have labels, so no labels are used",) if partly else ()


def peek_configured(config: Config, root: Path | None = None) -> ImageSpec:
    """Return the spec of the images that :func:`open_configured` returns, without decoding the data set."""
    data = config.values.data
    _check_fit(data.name, data.fit, data.size)
    return peek_dataset(
        config.dataset,
        config.location,
        data.name,
        split=data.split,
        size=data.size,
        root=root or data_root(data.root),
        channels=data.channels,
        labels=data.labels,
        params=data.params,
        formats=data.formats,
    )


def peek_dataset(
    entry: DatasetEntry,
    location: str | None,
    name: str,
    *,
    split: str = "train",
    size: int | None = None,
    root: Path | None = None,
    channels: str = AUTO,
    labels: str = sources.AUTO,
    params: Any = None,
    formats: str = ALL,
) -> ImageSpec:
    """Return the spec of the images that :func:`open_dataset` returns, without decoding the data set.

    Raises GanzooError if the set or its labels are missing, or ``size`` is None and an image is not square.
    """
    place = root or data_root(None)
    source = make_source(entry, location, place, split, params=params, labels=labels, formats=formats, name=name)
    native = entry.image or source.peek()
    if size is None and native.size == 0:
        items = (item for item in source if not (isinstance(item, SourceImage) and _is_square(item)))
        first = next(items, None)
        if isinstance(first, BadImage):
            raise GanzooError(f"{name}: {printable(first.name)}: {first.reason}, or take it out")
        which = f"{printable(first.name)} is" if first else "some images are"
        raise GanzooError(f"{name}: {which} not square; set data.size=N to crop and resize all")
    classes = 0 if labels == NONE else native.classes
    return ImageSpec(native.channels if channels == AUTO else int(channels), size or native.size, classes)


def _check_fit(name: str, fit: str, size: int | None) -> None:
    if fit != CROP and size is None:
        raise GanzooError(f"{name}: data.fit={fit} is for images that are resized; set data.size=N with it")


def _is_square(image: SourceImage) -> bool:
    return image.pixels.shape[0] == image.pixels.shape[1]
