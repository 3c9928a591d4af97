"""The closer look at the generator, read from a run's directory and shown as a section of the page.

The files are untrusted input: damaged ones are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.html import render
from ganzoo.utils.image_grid import GRID, read_grid
from ganzoo_report.places import analysis_directory, read_analysis
from ganzoo_report.sheets import data_uri

if TYPE_CHECKING:
    from markupsafe import Markup

COUNT = 2 * GRID  # generated images, and also real images, whose neighbours are searched
CLOSE = 0.3  # share of the usual distance between real images, below which an image may be a copy
STEPS = tuple(f"{level / (GRID - 1):.2g}" for level in range(GRID))
SHEET = 2**20  # bytes of one sheet
SPACES = {
    "features": "It is measured in the features that the run's first metric reads: small if two images show similar "
    "content, even if their pixels differ.",
    "pixels": "It is measured between pixels, since this run has no score with a feature network: small if two images "
    "are light and dark in the same places.",
}


@dataclass(frozen=True)
class Nearest:
    """The nearest training image of generated and of real images.

    images: ``(4 * COUNT, H, W, 3)``: ``COUNT`` generated images, the nearest real image of each, ``COUNT`` real images,
    the nearest real image of each. space: a key of ``SPACES``: what is compared. searched, compared: the numbers of
    training images that were searched, and compared by features. held_out: the split of the real images, "" for the
    training set. generated, real: the distances of the two groups.
    """

    images: np.ndarray
    space: str
    searched: int
    compared: int
    held_out: str
    generated: tuple[float, ...]
    real: tuple[float, ...]

    @property
    def usual(self) -> float:
        """The median distance from a real image to its nearest neighbour."""
        return median(self.real)

    @property
    def ratio(self) -> float:
        """The median distance from a generated image to its nearest neighbour, as a share of the usual distance."""
        return median(self.generated) / self.usual

    @property
    def copies(self) -> int:
        """The number of generated images that are suspiciously close to a real one."""
        return sum(distance < CLOSE * self.usual for distance in self.generated)


@dataclass(frozen=True)
class Look:
    """A closer look at a generator. kimg: when it was taken. Sheets have ``GRID**2`` images; None if missing."""

    kimg: float
    nearest: Nearest | None
    between: np.ndarray | None
    truncation: np.ndarray | None


def read_look(directory: RunDir) -> Look | None:
    """Return the closer look of a run; None if none was taken or its record is damaged."""
    record = read_analysis(directory)
    try:
        kimg = float(record["shown"]) / 1000
    except (ValueError, TypeError, KeyError):
        return None
    place = analysis_directory(directory.path)
    between, truncation = (read_grid(place / f"{name}.png") for name in ("between", "truncation"))
    return Look(kimg, _read_nearest(record, read_grid(place / "nearest.png")), between, truncation)


def _read_nearest(record: dict[str, object], images: np.ndarray | None) -> Nearest | None:
    noted = record.get("nearest")
    if not isinstance(noted, dict) or images is None:
        return None
    try:
        sides = [tuple(map(float, noted[side])) for side in ("generated", "real")]
        found = Nearest(
            images,
            str(noted["space"]),
            int(noted["searched"]),
            int(noted["compared"]),
            str(noted["held_out"]),
            *sides,
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    whole = all(len(side) == COUNT and all(map(math.isfinite, side)) for side in sides)
    return found if whole and found.space in SPACES and found.usual > 0 else None


def section(look: Look | None) -> Markup:
    """Return the content of the section, without its heading."""
    if look is None:
        return render("ganzoo_report/closer.html", look=None)
    sheets = (look.between, look.truncation, look.nearest.images if look.nearest else None)
    size = next((sheet.shape[1] for sheet in sheets if sheet is not None), 0)
    return render(
        "ganzoo_report/closer.html",
        look=look,
        kimg=f"{look.kimg:,.5g}",
        scaling="pixelated" if size <= 64 else "auto",
        nearest=None if look.nearest is None else _nearest(look.nearest),
        between=None if look.between is None else _sheet(look.between),
        truncation=None if look.truncation is None else _sheet(look.truncation),
        steps=STEPS,
    )


def copying(found: Nearest) -> str:
    """Return one or two sentences about the distances."""
    if found.copies:
        many = f"{found.copies} of the {COUNT} generated images {'lies' if found.copies == 1 else 'lie'}"
        return f"{many} so close to a training image that it may be a copy: compare the marked pairs."
    far = f"The generated images are {found.ratio:.1f} times as far from their nearest training image"
    if found.ratio > 1.5:
        return f"No sign of copying. {far} as real images are: they do not look quite like real ones yet."
    return f"No sign of copying. {far} as real images are, and none of them suspiciously close."


def _nearest(found: Nearest) -> dict[str, Any]:
    other = "the nearest one of the training set" if found.held_out else "the nearest other one"
    how = f"{found.searched:,} training images were searched"
    if found.space == "features" and found.compared < found.searched:
        how += f": the {found.compared:,} whose pixels come nearest were compared by their features"
    words = (
        f"Below each image is the training image nearest to it, and how far away that is. {SPACES[found.space]} "
        f"1.0 is usual: half of the real images are further from {other}, half are nearer. A generator that "
        "has learned images by heart makes pairs that look the same, with figures near 0."
    )
    return {
        "words": words,
        "copying": copying(found),
        "how": how,
        "other": other,
        "of_real": f"Real images ({found.held_out} set, never trained on)" if found.held_out else "Real images",
        "sheet": _sheet(found.images),
        "generated": _pairs(found, found.generated, 0),
        "real": _pairs(found, found.real, 2 * COUNT),
    }


def _pairs(found: Nearest, distances: Sequence[float], start: int) -> list[dict[str, Any]]:
    return [
        {
            "marked": distance / found.usual < CLOSE,
            "share": f"{distance / found.usual:.1f}",
            "at": _at(start + place),
            "nearest_at": _at(start + COUNT + place),
        }
        for place, distance in enumerate(distances)
    ]


def _sheet(images: np.ndarray) -> dict[str, Any]:
    """Return the sheet as a data URI, and the position of each image on it."""
    return {"source": data_uri(images, SHEET, GRID), "places": [_at(place) for place in range(len(images))]}


def _at(place: int) -> str:
    """Return the position of one image on a sheet ``GRID`` images wide and high, as CSS."""
    row, column = divmod(place, GRID)
    return f"{100 * column / (GRID - 1):.4g}% {100 * row / (GRID - 1):.4g}%"
