"""Reads samples from an ``.npz`` with a uint8 array ``arr_0``, as guided-diffusion and others write it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.metrics.npz import Npz
from ganzoo.utils.checksum import sha256_of
from ganzoo_score.side import Side

NAME = "arr_0"
MOST_BYTES = 2**28  # of one image, at most
PART = 2**24  # bytes read at a time
CHANNELS = (1, 3)


def open_samples(path: Path) -> Side:
    """Open images uint8 ``(N, H, W, C)`` or ``(N, C, H, W)``, C 1 or 3. Raises GanzooError for anything else."""
    file = Npz(path)
    found = file.header(NAME)
    shape = found.shape
    if found.dtype != np.uint8 or len(shape) != 4 or not {shape[1], shape[3]}.intersection(CHANNELS) or 0 in shape:
        raise GanzooError(f"{path}: {NAME} is {found}, must be uint8 (N, H, W, 1 or 3) or (N, 1 or 3, H, W)")
    if (size := math.prod(shape[1:])) > MOST_BYTES:
        raise GanzooError(f"{path}: {NAME} is {found}: an image of {size / 2**20:,.0f} MiB is not read")
    last = shape[3] in CHANNELS
    read = partial(_read, file, max(1, PART // size), last)
    return Side(f"npz:{path}", shape[0], read=read, content=sha256_of(path))


def _read(file: Npz, size: int, channels_last: bool) -> Iterator[Tensor]:
    for part in file.parts(NAME, size):
        images = torch.from_numpy(part.copy())
        yield images.permute(0, 3, 1, 2).contiguous() if channels_last else images


__all__ = ["NAME", "open_samples"]
