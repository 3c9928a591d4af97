"""Images and shards with random pixels, for tests of data sets."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

EACH = 9  # images in a shard


def image(width=8, height=8, mode="RGB", seed=0) -> Image.Image:
    rng = np.random.default_rng(seed)
    shape = (height, width) if mode == "L" else (height, width, 3)
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).convert(mode)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "png")
    return stream.getvalue()


def write_shard(path: Path, first: int, bad: bytes | None = None) -> None:
    with tarfile.open(path, "w") as archive:
        members = {f"{number:06d}.png": png(image(seed=number)) for number in range(first, first + EACH)}
        members["000000.json"] = members["000000.cls"] = b"3"
        if bad is not None:
            members["bad.png"] = bad
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
