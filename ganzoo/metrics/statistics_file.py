"""Mean and covariance of features in a file, as TTUR, StyleGAN and others write them: ``mu`` and ``sigma``.

ganzoo's own files also record their origin, in fields that other programs ignore.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.config.scoring import PICKLES
from ganzoo.errors import GanzooError, printable
from ganzoo.metrics.features import Statistics
from ganzoo.metrics.files import write_arrays
from ganzoo.metrics.npz import Npz
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import regular

MEAN, COVARIANCE, COUNT = "mu", "sigma", "num_images"
NOTES = ("reference", "split", "fingerprint", "extractor", "feature", "network", "mode")
ASYMMETRY = 1e-4  # tolerance relative to the largest entry: more than the rounding of float32
SPLIT = "statistics"  # the split in the protocol of a score against such a file


@dataclass(frozen=True)
class StatisticsFile:
    """Statistics from a file, without their images.

    path: the file. fingerprint: its SHA-256. count: the number of images behind the statistics, 0 if not recorded.
    notes: the other recorded facts, by the names in ``NOTES``.
    """

    path: Path
    statistics: Statistics
    fingerprint: str
    count: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self.statistics[MEAN])

    def check(self, extractor: str, feature: str, width: int, network: str) -> None:
        """Raise GanzooError if the statistics are not of this feature of this extractor and network."""
        noted = {"extractor": extractor, "feature": feature, "network": network}
        wrong = next((name for name, value in noted.items() if self.notes.get(name, value) != value), "")
        if wrong:
            raise GanzooError(
                f"{self.path} was made with the {wrong} {printable(self.notes[wrong])[:40]}, this score reads "
                f"{noted[wrong][:40]}; make the file again with `ganzoo stats`"
            )
        if self.width != width:
            raise GanzooError(f"{self.path} is of {self.width} features, {extractor} {feature} has {width}")

    def protocol(self) -> dict[str, Any]:
        """Return the protocol's description of the real side of a score."""
        notes = {name: printable(value) for name, value in self.notes.items()}
        said = notes or "the file has no origin"
        return {"reference": str(self.path), "split": SPLIT, "fingerprint": self.fingerprint, "statistics": said}


def read_statistics(path: Path, widths: Collection[int]) -> StatisticsFile:
    """Read a file of ``mu`` ``(D,)`` and ``sigma`` ``(D, D)``; no array larger than ``widths`` allow is allocated.

    widths: the allowed values of D. Raises GanzooError if the file is missing, damaged or does not hold statistics.
    """
    if path.suffix.lower() in PICKLES:
        raise GanzooError(
            f"{path}: reading a pickle would run its code; save its mean and covariance with "
            "np.savez('FILE.npz', mu=..., sigma=...)"
        )
    file = Npz(path)
    if missing := [name for name in (MEAN, COVARIANCE) if name not in file.names]:
        holds = printable(", ".join(sorted(file.names))[:80]) or "nothing"
        raise GanzooError(
            f"{path} has no {' and no '.join(missing)} (it holds {holds}); statistics are np.savez(FILE, mu=, sigma=)"
        )
    shape = file.header(MEAN).shape
    if len(shape) != 1 or shape[0] not in widths:
        allowed = " or ".join(map(str, sorted(widths)))
        raise GanzooError(f"{path}: mu has the shape {shape}, must be ({allowed},) for the metrics of this score")
    mean, covariance = (_numbers(file, name, s) for name, s in ((MEAN, shape), (COVARIANCE, shape * 2)))
    largest = np.abs(covariance).max(initial=0)
    if np.abs(covariance - covariance.T).max(initial=0) > ASYMMETRY * largest or covariance.diagonal().min() < 0:
        raise GanzooError(f"{path}: sigma is not a covariance: it is not symmetric, or has a variance below 0")
    count = file.text(COUNT)
    notes = {name: text for name in NOTES if (text := file.text(name))}
    known = int(count) if count.isdecimal() else 0
    return StatisticsFile(path, {MEAN: mean, COVARIANCE: covariance}, sha256_of(regular(path)), known, notes)


def write_statistics(path: Path, statistics: Statistics, count: int, notes: Mapping[str, str]) -> None:
    """Write a file for :func:`read_statistics` and other tools. Raises WriteFailed if it cannot be written."""
    arrays = {name: np.asarray(statistics[name], dtype=np.float64) for name in (MEAN, COVARIANCE)}
    write_arrays(path, {**arrays, COUNT: np.int64(count), **{name: np.str_(text) for name, text in notes.items()}})


def _numbers(file: Npz, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = file.header(name)
    if found.dtype.kind != "f" or found.dtype.itemsize > 8:
        raise GanzooError(f"{file.path}: {name} is {found.dtype}, must be float32 or float64")
    numbers = file.array(name, shape).astype(np.float64)
    if not np.isfinite(numbers).all():
        raise GanzooError(f"{file.path}: {name} holds NaN or infinite numbers; make the file again")
    return numbers


__all__ = ["StatisticsFile", "read_statistics", "write_statistics"]
