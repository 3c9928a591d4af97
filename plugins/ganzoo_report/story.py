"""The generated images over a run and the discriminator's verdicts on them, read from the run's directory.

The files are untrusted input: damaged ones are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganzoo.runs.checkpoint import PREFIX
from ganzoo.runs.grid_classes import read_labels
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.image_grid import GRID, read_grid
from ganzoo.utils.safe_yaml import parse_json

SHOWN = 16  # images of a grid that the story shows
THUMB = 32  # pixels of a side at most, for measuring distances


@dataclass(frozen=True)
class Judged:
    """The verdict on one image.

    real: whether the discriminator takes it for real. value: the probability of "real", or the rank, 1 for the most
    real. height: the position between 0 (surely generated) and 1 (surely real).
    """

    real: bool
    value: float
    height: float


@dataclass(frozen=True)
class Verdicts:
    """The discriminator's verdicts at one snapshot.

    fake, real: the verdicts on generated and on real images, in the order of their grids. labels: the classes that the
    generated images were made for, ascending; () for an unconditional generator.
    """

    fake: tuple[Judged, ...]
    real: tuple[Judged, ...]
    probability: bool
    zero_is_border: bool
    labels: tuple[int, ...] = ()

    @property
    def places(self) -> range:
        """The indices of the generated images that are shown: the first ones, or every fourth if sorted by class."""
        return range(0, len(self.fake), len(self.fake) // SHOWN) if self.labels else range(SHOWN)

    @property
    def shown(self) -> tuple[Judged, ...]:
        """The verdicts on the generated images that are shown."""
        return tuple(self.fake[place] for place in self.places if place < len(self.fake))

    @property
    def fooled(self) -> int:
        """The number of generated images that were taken for real."""
        return sum(judged.real for judged in self.fake)

    @property
    def right(self) -> float:
        """The share of all images that were classified correctly."""
        right = len(self.fake) - self.fooled + sum(judged.real for judged in self.real)
        return right / (len(self.fake) + len(self.real))


@dataclass(frozen=True)
class Snapshot:
    """One moment of a run.

    images: uint8 ``(N, H, W, 3)``, the shown images. verdicts: None if there are none. diversity, nearest: the mean
    distance between two generated images, and the mean distance to the nearest other one, each as a share of the same
    distance between real images. moved: the mean distance of the images from those of the previous snapshot, in the
    unit of diversity. diversity, nearest, moved: None if there is nothing to compare with.
    """

    name: str
    kimg: float
    images: np.ndarray
    verdicts: Verdicts | None
    diversity: float | None = None
    nearest: float | None = None
    moved: float | None = None


@dataclass(frozen=True)
class Story:
    """All snapshots, oldest first, and the real images they are compared with (None if there are none)."""

    snapshots: tuple[Snapshot, ...]
    real: np.ndarray | None

    @property
    def travelled(self) -> float | None:
        """The sum of the movements between snapshots; None if there are none."""
        steps = [snapshot.moved for snapshot in self.snapshots if snapshot.moved is not None]
        return sum(steps) if steps else None


def read_story(directory: RunDir, most: int = 200) -> Story:
    """Return the story so far. Of more than ``most`` snapshots, read evenly spaced ones with the first and the last."""
    real = read_grid(directory.verdicts / "real.png")
    spread = None if real is None else _spread(real)
    found = directory.samples.glob(f"{PREFIX}*.png")
    grids = sorted((kimg, path) for path in found if (kimg := _kimg(path)) is not None)
    if len(grids) > most:
        grids = [grids[round(place * (len(grids) - 1) / (most - 1))] for place in range(most)]
    return Story(tuple(_snapshots(grids, directory.verdicts, spread)), None if real is None else real[:SHOWN])


def _snapshots(
    grids: Sequence[tuple[float, Path]], verdicts: Path, spread: tuple[float, float] | None
) -> Iterator[Snapshot]:
    before: np.ndarray | None = None
    for kimg, path in grids:
        images = read_grid(path)
        if images is None:
            continue
        thumbs = _thumbs(images)
        diversity = nearest = moved = None
        if spread is not None and min(spread) > 0:
            diversity, nearest = (own / real for own, real in zip(distances(thumbs), spread, strict=True))
            if before is not None and before.shape == thumbs.shape:
                moved = float(np.linalg.norm(thumbs - before, axis=1).mean()) / spread[0]
        before = thumbs
        judged = read_verdicts(verdicts / f"{path.stem}.json")
        shown = images[:SHOWN] if judged is None else images[list(judged.places)]
        yield Snapshot(path.stem, kimg, shown, judged, diversity, nearest, moved)


def read_verdicts(file: Path) -> Verdicts | None:
    """Return the verdicts of one file; None if it is missing or damaged."""
    try:
        record = parse_json(file.read_bytes())
        fake, real = ([float(value) for value in record[side]] for side in ("d_fake", "d_real"))
        probability, border = bool(record["probability"]), bool(record["zero_is_border"])
        labels = read_labels(record)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if not fake or not real or not all(map(math.isfinite, fake + real)):
        return None
    verdicts = judge(fake, real, probability=probability, zero_is_border=border)
    return replace(verdicts, labels=labels if len(labels) == len(fake) == GRID**2 else ())


def judge(fake: Sequence[float], real: Sequence[float], *, probability: bool, zero_is_border: bool) -> Verdicts:
    """Return verdicts for logits. Logits above 0 are real; if the loss has no border at 0, the upper half is real.

    Equal logits have ranks in turn, a generated image first, then a real one: neither side gains by a tie.
    """
    both = np.array([*fake, *real])
    turn = np.concatenate([np.arange(len(fake)) / len(fake), np.arange(len(real)) / len(real) + 1e-9])
    ranks = np.empty(len(both), dtype=int)
    ranks[np.lexsort((turn, -both))] = np.arange(1, len(both) + 1)

    def one(logit: float, rank: int) -> Judged:
        says_real = logit > 0 if zero_is_border else rank <= len(both) / 2
        if probability:
            chance = 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
            return Judged(bool(says_real), chance, chance)
        return Judged(bool(says_real), float(rank), 1 - (rank - 1) / (len(both) - 1))

    judged = tuple(one(float(logit), int(rank)) for logit, rank in zip(both, ranks, strict=True))
    return Verdicts(judged[: len(fake)], judged[len(fake) :], probability, zero_is_border)


def distances(images: np.ndarray) -> tuple[float, float]:
    """Return the mean distance between two of the images ``(N, D)``, and the mean distance to the nearest other one."""
    squares = (images**2).sum(1)
    found = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * images @ images.T, 0))
    count = len(found)
    mean = float(found.sum() - np.trace(found)) / (count * (count - 1))
    np.fill_diagonal(found, np.inf)
    return mean, float(found.min(1).mean())


def _spread(real: np.ndarray) -> tuple[float, float] | None:
    """Return the distances of the real images; None for fewer than two. A grid repeats the images of a small set."""
    different = np.unique(_thumbs(real), axis=0)
    return distances(different) if len(different) > 1 else None


def _thumbs(images: np.ndarray) -> np.ndarray:
    """Return the images reduced to ``THUMB`` pixels and flattened, for measuring distances."""
    if images.shape[1] > THUMB:
        small = [Image.fromarray(image).resize((THUMB, THUMB), Image.Resampling.BOX) for image in images]
        images = np.stack([np.asarray(image) for image in small])
    return images.reshape(len(images), -1).astype(np.float64) / 255


def _kimg(path: Path) -> float | None:
    try:
        kimg = float(path.stem.removeprefix(PREFIX))
    except ValueError:
        return None
    return kimg if math.isfinite(kimg) else None


def as_data(story: Story) -> list[dict[str, Any]]:
    """Return the page's data on each snapshot, without its images."""
    return [
        {
            "kimg": snapshot.kimg,
            "fake": _short(snapshot.verdicts.shown if snapshot.verdicts else ()),
            "real": _short(snapshot.verdicts.real if snapshot.verdicts else ()),
            "fooled": snapshot.verdicts.fooled if snapshot.verdicts else None,
            "right": snapshot.verdicts.right if snapshot.verdicts else None,
        }
        for snapshot in story.snapshots
    ]


def _short(judged: Sequence[Judged]) -> list[list[float]]:
    return [[int(one.real), round(one.value, 4), round(one.height, 4)] for one in judged[:SHOWN]]
