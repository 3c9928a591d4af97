"""The closer look at the generator, as it lies in a run's folder, and as a section of the page.

All of it is foreign input: what is damaged is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from string import Template

import numpy as np

from ganzoo.runs.run_dir import RunFolder
from ganzoo.utils.html import asset, text
from ganzoo.utils.image_grid import GRID, read_grid
from ganzoo_report.sheets import data_uri

COUNT = 2 * GRID
CLOSE = 0.3  # of the distance that is usual among real pictures: so close lies a copy
STEPS = tuple(f"{level / (GRID - 1):.2g}" for level in range(GRID))
SHEET = 2**20  # bytes of one sheet
NONE = "<p>None was taken yet: a run ends with one, and <code>ganzoo report</code> takes one at any time.</p>"
SPACES = {
    "features": "It is measured in the features that the run's first metric reads: small where two pictures show much "
    "the same thing, even if their pixels differ.",
    "pixels": "It is measured between pixels, since this run had no score whose network could tell more: small where "
    "two pictures are light and dark in the same places.",
}


@dataclass(frozen=True)
class Nearest:
    """pictures: ``COUNT`` generated, the nearest real of each, ``COUNT`` real, the nearest of each, ``(4 * COUNT, H, W,
    3)``. generated, real: their distances. held_out: the split that the latter are of, "" for the training set."""

    pictures: np.ndarray
    space: str
    searched: int
    compared: int
    held_out: str
    generated: tuple[float, ...]
    real: tuple[float, ...]

    @property
    def usual(self) -> float:
        """How far a real picture is from its nearest, in the middle."""
        return median(self.real)

    @property
    def ratio(self) -> float:
        """How far a generated picture is from its nearest, in the middle, as a share of that."""
        return median(self.generated) / self.usual

    @property
    def copies(self) -> int:
        """How many generated pictures lie suspiciously close."""
        return sum(distance < CLOSE * self.usual for distance in self.generated)


@dataclass(frozen=True)
class Look:
    """kimg: when it was taken. Sheets of ``GRID**2`` pictures; None for what is not there."""

    kimg: float
    nearest: Nearest | None
    between: np.ndarray | None
    truncation: np.ndarray | None


def read_look(folder: RunFolder) -> Look | None:
    """None where none was taken, or what was left of it is damaged."""
    record = folder.closer_look()
    try:
        kimg = float(record["shown"]) / 1000
    except (ValueError, TypeError, KeyError):
        return None
    between, truncation = (read_grid(folder.closer / f"{name}.png") for name in ("between", "truncation"))
    return Look(kimg, _read_nearest(record, read_grid(folder.closer / "nearest.png")), between, truncation)


def _read_nearest(record: dict[str, object], pictures: np.ndarray | None) -> Nearest | None:
    noted = record.get("nearest")
    if not isinstance(noted, dict) or pictures is None:
        return None
    try:
        sides = [tuple(map(float, noted[side])) for side in ("generated", "real")]
        found = Nearest(
            pictures,
            str(noted["space"]),
            int(noted["searched"]),
            int(noted["compared"]),
            str(noted["held_out"]),
            *sides,
        )
    except (ValueError, TypeError, KeyError):
        return None
    whole = all(len(side) == COUNT and all(map(math.isfinite, side)) for side in sides)
    return found if whole and found.space in SPACES and found.usual > 0 else None


def section(look: Look | None) -> str:
    """The section's content, without its heading."""
    if look is None:
        return NONE
    own = Template(asset("ganzoo_report", "closer.html"))
    sheets = (look.between, look.truncation, look.nearest.pictures if look.nearest else None)
    size = next((sheet.shape[1] for sheet in sheets if sheet is not None), 0)
    return own.substitute(
        kimg=f"{look.kimg:,.5g}",
        scaling="pixelated" if size <= 64 else "auto",
        nearest="" if look.nearest is None else _nearest(look.nearest),
        between="" if look.between is None else _between(look.between),
        truncation="" if look.truncation is None else _truncation(look.truncation),
    )


def copying(found: Nearest) -> str:
    """What the distances say, in a sentence or two."""
    if found.copies:
        many = f"{found.copies} of the {COUNT} generated pictures {'lies' if found.copies == 1 else 'lie'}"
        return f"{many} so close to a training picture that it may be a copy: compare the marked pairs."
    far = f"The generated pictures are {found.ratio:.1f} times as far from their nearest training picture"
    if found.ratio > 1.5:
        return f"No sign of copying. {far} as real pictures are: they do not look quite like real ones yet."
    return f"No sign of copying. {far} as real pictures are, and none of them suspiciously close."


def _nearest(found: Nearest) -> str:
    other = "the nearest one of the training set" if found.held_out else "the nearest other one"
    real = f"Real pictures ({found.held_out} set, never trained on)" if found.held_out else "Real pictures"
    how = f"{found.searched:,} training pictures were searched"
    if found.space == "features" and found.compared < found.searched:
        how += f": the {found.compared:,} whose pixels come nearest were compared by their features"
    words = (
        f"Below each picture is the training picture nearest to it, and how far away that is. {SPACES[found.space]} "
        f"1.0 is what is usual: half of the real pictures are further from {other}, half are nearer. A generator that "
        "has learned pictures by heart makes pairs that look the same, with figures near 0."
    )
    sheet = data_uri(found.pictures, SHEET, GRID)
    return (
        f"<h3>Does it copy?</h3><p>{text(words)}</p><p><strong>{text(copying(found))}</strong> "
        f"<small>{text(how)}.</small></p>"
        f'<div class="sides"><section aria-labelledby="of-copies"><h4 id="of-copies">Generated pictures, and the '
        f"nearest real one</h4>{_pairs(found, found.generated, 0, sheet)}</section>"
        f'<section aria-labelledby="of-usual"><h4 id="of-usual">{text(real)}, and {other}</h4>'
        f"{_pairs(found, found.real, 2 * COUNT, sheet)}</section></div>"
    )


def _pairs(found: Nearest, distances: Sequence[float], start: int, sheet: str) -> str:
    pairs = []
    for place, distance in enumerate(distances):
        share = distance / found.usual
        marked = ' class="copy"' if share < CLOSE else ""
        tiles = _tile(start + place) + _tile(start + COUNT + place)
        pairs.append(f"<li{marked}>{tiles}<span>{share:.1f}</span></li>")
    return f'<ul class="pairs" style="--sheet: url({sheet})">{"".join(pairs)}</ul>'


def _between(pictures: np.ndarray) -> str:
    words = (
        "Each row goes in even steps from the random numbers of one picture to those of the next row's first. Where a "
        "generator has understood what it draws, one picture turns into the other and those on the way look real as "
        "well; one that has learned single pictures by heart jumps. Noise that a generator adds of its own is left "
        "out, so that nothing else moves."
    )
    return f"<h3>From one picture to the next</h3><p>{words}</p>{_sheet(pictures, 'Walks between latents')}"


def _truncation(pictures: np.ndarray) -> str:
    words = (
        "Each row is one picture, drawn ever less like the mean of all: 0 is the mean itself, 1 is how it is drawn "
        "everywhere else on this page, but without noise. Towards 0 pictures become more typical and more alike: less "
        "variety, often better pictures. It is what <code>--truncation</code> sets when you draw samples."
    )
    head = "".join(f"<span>{step}</span>" for step in STEPS)
    return (
        f'<h3>Truncation</h3><p>{words}</p><div class="steps" aria-hidden="true">{head}</div>'
        f"{_sheet(pictures, 'Truncation from 0 to 1')}"
    )


def _sheet(pictures: np.ndarray, title: str) -> str:
    tiles = "".join(map(_tile, range(len(pictures))))
    sheet = data_uri(pictures, SHEET, GRID)
    return f'<div class="sheet" role="img" aria-label="{text(title)}" style="--sheet: url({sheet})">{tiles}</div>'


def _tile(place: int) -> str:
    """One picture of a sheet ``GRID`` wide and high."""
    row, column = divmod(place, GRID)
    return f'<div style="--at: {100 * column / (GRID - 1):.4g}% {100 * row / (GRID - 1):.4g}%"></div>'
