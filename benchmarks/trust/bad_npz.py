"""Archives of arrays that run code, claim a wrong size, or contain invalid numbers."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import Case, zoo

from ganzoo.metrics.statistics_file import read_statistics
from ganzoo.utils.files import data_root
from ganzoo_score.generated import Drawing
from ganzoo_score.sides import open_side

WIDTH = 4  # number of features of the statistics
FILE = "file.npz"
SWOLLEN = 2**28  # uncompressed bytes of a small member
Arrays = Mapping[str, Any]


class Hostile:
    """An object whose pickle creates the file ``executed`` in ``place`` when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        import os

        return os.system, (f"touch {self.place}/executed",)


def statistics(**changes: Any) -> dict[str, Any]:
    """Return valid statistics with these arrays replaced or added."""
    return {"mu": np.zeros(WIDTH), "sigma": np.eye(WIDTH), **changes}


def npy(array: np.ndarray, shape: tuple[int, ...] | None = None, descr: str | None = None) -> bytes:
    """Return an array as the bytes of an .npy file. shape, descr: the shape and type that the header claims."""
    stream = io.BytesIO()
    header = {"descr": descr or array.dtype.str, "fortran_order": False, "shape": shape or array.shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + array.tobytes()


def _side(place: Path) -> str:
    """Open the file as a command does, and read all of it. Return its content in words."""
    side = open_side(str(place / FILE), Drawing(), {WIDTH}, zoo(), data_root(str(place / "root")), torch.device("cpu"))
    if side.statistics is not None:
        return f"statistics of {side.statistics.width} features"
    return f"{sum(map(len, side.chunks()))} images of {side.picture}"


def _saved(arrays: Arrays, place: Path) -> str:
    np.savez(place / FILE, **arrays)
    return _side(place)


def _pickled(name: str, place: Path) -> str:
    objects = np.empty((4, 8, 8, 3) if name == "arr_0" else (WIDTH,), dtype=object)
    objects.flat[0] = Hostile(place)
    arrays = {name: objects} if name == "arr_0" else statistics(**{name: objects})
    np.savez(place / FILE, **arrays)
    return _side(place)


def _packed(members: Mapping[str, bytes], place: Path, change: Callable[[bytes], bytes] = bytes) -> str:
    with zipfile.ZipFile(place / FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    (place / FILE).write_bytes(change((place / FILE).read_bytes()))
    return _side(place)


def _swollen(place: Path) -> str:
    """Write 256 MiB of zeros, compressed to 256 KB, with their correct size in the header."""
    with zipfile.ZipFile(place / FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in (("mu", (WIDTH,)), ("sigma", (SWOLLEN // 8, 1))):
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
                for _ in range(0, 8 * int(np.prod(shape)), 2**20):
                    stream.write(bytes(min(2**20, 8 * int(np.prod(shape)))))
    return _side(place)


def _reference(place: Path) -> str:
    """Read a file that is not an archive as a run reads ``metrics.reference``."""
    (place / FILE).write_bytes(b"no archive")
    return str(read_statistics(place / FILE, {WIDTH}).count)


def _damaged(content: bytes) -> bytes:
    """Return an archive with 50 bytes of the first member's content inverted; its headers stay intact."""
    at = content.index(b"arr_0.npy") + 300
    return content[:at] + bytes(byte ^ 0xFF for byte in content[at : at + 50]) + content[at + 50 :]


def cases() -> list[Case]:
    """Return all cases of this file."""
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    skewed = np.eye(WIDTH)
    skewed[0, 1] = 0.5
    nan = np.full(WIDTH, np.nan)
    lie = "as its header says; make it again"

    def saved(what: str, says: str = "", **arrays: Any) -> Case:
        return Case(what, partial(_saved, arrays), says)

    return [
        saved("samples (N, H, W, C)", arr_0=images),
        saved("samples (N, C, H, W), with labels", arr_0=images.transpose(0, 3, 1, 2).copy(), arr_1=np.arange(4)),
        saved("statistics", **statistics()),
        saved("statistics in float32, with other fields", **statistics(mu=np.zeros(WIDTH, np.float32), n=np.arange(3))),
        Case("samples that are pickled objects", partial(_pickled, "arr_0"), "arr_0 is a pickle of Python objects"),
        Case("a mean of pickled objects", partial(_pickled, "mu"), "mu is a pickle of Python objects"),
        saved("samples in float32", "arr_0 is float32 (4, 8, 8, 3), must be uint8", arr_0=images.astype(np.float32)),
        saved("samples with four channels", "arr_0 is uint8 (4, 8, 8, 4), must be", arr_0=np.zeros((4, 8, 8, 4), "u1")),
        saved("samples in three dimensions", "arr_0 is uint8 (8, 8, 3), must be", arr_0=images[0]),
        saved("samples in Fortran's order", "arr_0 is in Fortran's order", arr_0=np.asfortranarray(images)),
        saved("no samples", "arr_0 is uint8 (0, 8, 8, 3), must be", arr_0=images[:0]),
        saved("other arrays", "has no mu and no sigma (it holds x)", x=images),
        saved("no covariance", "has no sigma (it holds mu)", mu=np.zeros(WIDTH)),
        saved("NaN in the mean", "mu holds NaN or infinite numbers", **statistics(mu=nan)),
        saved("NaN in the covariance", "sigma holds NaN or infinite", **statistics(sigma=np.outer(nan, nan))),
        saved("a covariance that is not square", "sigma is float64 (4, 5), must", **statistics(sigma=np.eye(4, 5))),
        saved("a covariance that is not symmetric", "sigma is not a covariance", **statistics(sigma=skewed)),
        saved("a variance below 0", "sigma is not a covariance", **statistics(sigma=-np.eye(WIDTH))),
        saved("a mean of another width", "mu has the shape (5,), must be (4,)", **statistics(mu=np.zeros(5))),
        saved("whole numbers", "mu is int64, must be float32 or float64", **statistics(mu=np.zeros(WIDTH, int))),
        Case(
            "samples that claim 2 TiB",
            partial(_packed, {"arr_0": npy(images, (2**20, 1024, 1024, 2**1 + 1))}),
            lie,
        ),
        Case(
            "a shape whose product overflows 64 bits",
            partial(_packed, {"arr_0": npy(images, (2**62, 8, 8, 3))}),
            lie,
        ),
        Case("a shape below 0", partial(_packed, {"arr_0": npy(images, (-4, 8, 8, 3))}), "arr_0"),
        Case("256 MiB of covariance in 256 KB", _swollen, "sigma is float64 (33554432, 1), must have the shape (4, 4)"),
        Case(
            "a header that is code",
            partial(_packed, {"arr_0": _header(b"__import__('os')")}),
            "header of arr_0 cannot be read",
        ),
        Case("cut short", partial(_packed, {"arr_0": npy(images)}, change=lambda c: c[:-30]), "not a whole .npz file"),
        Case("damaged inside", partial(_packed, {"arr_0": npy(images)}, change=_damaged), "not a whole .npz file"),
        Case("no bytes", partial(_packed, {}, change=lambda c: b""), "not a whole .npz file"),
        Case("text, as metrics.reference", _reference, "file.npz is not a whole .npz file (File is not a zip file)"),
    ]


def _header(text: bytes) -> bytes:
    return np.lib.format.magic(1, 0) + struct.pack("<H", len(text)) + text
