"""Opens a data set as a side of a score; a directory and a zip are data sets too."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ganzoo.config.schema import ReferenceSet
from ganzoo.data.decode import without_alpha
from ganzoo.data.factory import open_dataset
from ganzoo.data.kinds import Unreadable
from ganzoo.data.sources import NONE, make_source
from ganzoo.entries import DatasetEntry
from ganzoo.errors import GanzooError, printable
from ganzoo.interfaces import DataSource, SourceImage
from ganzoo.metrics.reader import array_chunks
from ganzoo.plugin.registry import Registry
from ganzoo_score.side import Side

logger = logging.getLogger("ganzoo.score")


def open_files(kind: str, path: Path, registry: Registry, root: Path) -> Side:
    """Open a path as the data set ``kind``, such as ``folder``."""
    entry = registry.get(DatasetEntry, kind)
    return open_set(ReferenceSet(entry, str(path), f"{kind}:{path}", entry.reference), root)


def open_set(wanted: ReferenceSet, root: Path) -> Side:
    """Open a data set. Raises GanzooError if it does not exist or holds no images.

    A set whose images have one known size is decoded once and its features are cached. In any other set, each image is
    read at its own size and with its own channels.
    """
    source = make_source(wanted.entry, wanted.location, root, wanted.split, labels=NONE, name=wanted.name)
    content = source.content_key()
    if wanted.entry.image is None:
        count = len(source)  # reads shards, whose other files are counted only then
        if left_out := source.left_out():
            reasons = ", ".join(f"{number:,} {reason}" for reason, number in left_out.items())
            logger.warning(f"{wanted.name}: {reasons} skipped")
        return Side(wanted.name, count, read=partial(_loose, source, wanted.name), content=content)
    images = open_dataset(wanted.entry, wanted.location, wanted.name, split=wanted.split, root=root)
    return Side(
        wanted.name,
        len(images),
        read=partial(array_chunks, images.array),
        images=images,
        shipped=wanted.entry.statistics,
        split=images.split,
        content=content,
    )


def _loose(source: DataSource, name: str) -> Iterator[Tensor]:
    """Yield each image as it is. Raises GanzooError at the first image that cannot be used."""
    for item in source:
        if not isinstance(item, SourceImage):
            raise GanzooError(f"{name}: {printable(item.name)}: {item.reason}, or take it out")
        try:
            pixels, _ = without_alpha(item.pixels)
        except Unreadable as error:
            raise GanzooError(f"{name}: {printable(item.name)}: it is partly transparent; make it opaque") from error
        yield torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]


__all__ = ["open_files", "open_set"]
