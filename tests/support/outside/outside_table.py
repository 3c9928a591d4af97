"""A data source from outside of the project: a CSV table with a row for each image and a column for each pixel.

ganzoo run dcgan+hinge data.name=table:garments.csv data.options.label=kind --plugin outside_table.py
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo import DatasetEntry, GanzooError, ImageSpec, hookimpl
from ganzoo.entries import param
from ganzoo.interfaces import BadImage, DataSource, SourceImage


@dataclass
class TableParams:
    label: str = param("label", "column with the name of the class; empty: no labels")
    channels: int = param(1, "1 or 3; the pixels of a row are in the order (H, W, C)")
    delimiter: str = param(",", "what stands between two columns")

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}, must be 1 or 3")
        if len(self.delimiter) != 1:
            raise ValueError(f"delimiter is {self.delimiter!r}, must be one character")


@hookimpl
def register_datasets(register) -> None:
    register(
        DatasetEntry(
            name="outside-table",
            summary="A CSV table with a header: a row for each image, a column for each pixel, one for the class",
            target="outside_table:Table",
            takes_location=True,
            params=TableParams,
            splits=("train",),
            demonstration=True,
        )
    )


class Table(DataSource):
    """A source that reads the table row by row. Classes are numbered in the order of their names."""

    def __init__(self, location: str | None, root: Path, split: str, params: Any = None) -> None:
        super().__init__(location, root, split, params)
        self.file = Path(location or "")
        if not self.file.is_file():
            raise GanzooError(f"no table {self.file}; name a CSV file: data.name=outside-table:FILE")
        if params.label and params.label not in self.header:
            raise GanzooError(f"{self.file} has no column {params.label!r}; set data.options.label to one, or to ''")
        pixels = len(self.header) - bool(params.label)
        self.side = isqrt(pixels // params.channels)
        if not self.side or self.side**2 * params.channels != pixels:
            raise GanzooError(f"{self.file} has {pixels} columns of pixels, no square of {params.channels} channels")

    def _rows(self) -> Iterator[list[str]]:
        with self.file.open(newline="") as lines:
            yield from csv.reader(lines, delimiter=self.params.delimiter)

    @cached_property
    def header(self) -> list[str]:
        """The names of the columns."""
        return next(self._rows(), [])

    @cached_property
    def label_column(self) -> int | None:
        """The index of the column of the class, or None."""
        return self.header.index(self.params.label) if self.params.label else None

    @cached_property
    def classes(self) -> list[str]:
        """The names of the classes, in order."""
        if self.label_column is None:
            return []
        rows = self._rows()
        next(rows)
        return sorted({row[self.label_column] for row in rows if len(row) == len(self.header)})

    def content_key(self) -> str:
        if not len(self):
            raise GanzooError(f"{self.file} has no rows of pixels")
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    @cached_property
    def _count(self) -> int:
        return max(0, sum(1 for _ in self._rows()) - 1)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        rows = self._rows()
        next(rows)
        numbers = {name: number for number, name in enumerate(self.classes)}
        for number, row in enumerate(rows, 1):
            name = f"{self.file.name}, row {number}"
            if len(row) != len(self.header):
                yield BadImage(name, f"{len(row)} columns instead of {len(self.header)}")
                continue
            label = None if self.label_column is None else numbers[row.pop(self.label_column)]
            try:
                pixels = np.array(row, dtype=np.uint8)
            except (ValueError, OverflowError):
                yield BadImage(name, "a pixel is no integer from 0 to 255")
                continue
            yield SourceImage(name, pixels.reshape(self.side, self.side, self.params.channels), label)

    def peek(self) -> ImageSpec:
        return ImageSpec(self.params.channels, self.side, len(self.classes))

    def class_names(self) -> list[str]:
        return self.classes
