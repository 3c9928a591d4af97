"""Turn an image of a source into the pixels for training: without alpha, square, resized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.config.schema import ALL, BASIC, CROP, PAD
from ganzoo.data.channels import AUTO
from ganzoo.data.decode import shade, without_alpha
from ganzoo.data.kinds import Unreadable, not_basic
from ganzoo.interfaces import BadImage, SourceImage
from ganzoo.utils.colours import parse_colour

# Bicubic keeps edges sharper than bilinear; the data sets of most papers use it with antialiasing.
RESIZE: dict[str, Any] = {"method": "torchvision bicubic", "antialias": True, "crop": "centre square"}
BLACK = (0, 0, 0)


@dataclass(frozen=True)
class Processing:
    """The processing of images, from the settings of ``data``.

    size: the height and width to resize to; None keeps those of the images. channels: "auto", "1" or "3". skip_bad:
    skip images that cannot be used instead of raising. fit: "crop", "pad" or "stretch", how an image becomes square
    before it is resized. background: the colour behind transparent pixels and around a padded image. formats: "all" or
    "basic".
    """

    size: int | None = None
    channels: str = AUTO
    skip_bad: bool = False
    fit: str = CROP
    background: str | None = None
    formats: str = ALL

    @property
    def colour(self) -> tuple[int, int, int] | None:
        """The background's red, green and blue."""
        return None if self.background is None else parse_colour(self.background)

    @property
    def key(self) -> list[str]:
        """The part of the cache's key that size, skip_bad and formats do not cover; empty for the defaults."""
        found = [] if self.channels == AUTO else [f"channels {self.channels}"]
        found += [] if self.size is None or self.fit == CROP else [f"fit {self.fit}"]
        return found + ([] if self.colour is None else [f"background {self.colour}"])

    @property
    def resize(self) -> dict[str, Any]:
        """The description of the resizing in a score's protocol; empty without resizing."""
        if self.size is None or self.fit == CROP:
            return RESIZE if self.size else {}
        kept = {name: value for name, value in RESIZE.items() if name != "crop"}
        return {**kept, self.fit: self.background or "black"} if self.fit == PAD else {**kept, self.fit: "to a square"}


@dataclass(frozen=True)
class Prepared:
    """A prepared image.

    pixels: uint8 ``(C, H, W)``. treated: the changes that were made, each a phrase that completes "5 ...".
    """

    pixels: np.ndarray
    treated: tuple[str, ...] = ()


def prepare(item: SourceImage | BadImage, processing: Processing) -> Prepared:
    """Prepare one image. Raises Unreadable if it cannot be used."""
    if isinstance(item, BadImage):
        raise Unreadable(item.reason)
    if processing.formats == BASIC and not is_basic(item):
        raise not_basic("an alpha channel")
    pixels, flattened = without_alpha(item.pixels, processing.colour)
    treated = [*item.treated, *([f"flattened onto {processing.background}"] if flattened else [])]
    height, width = pixels.shape[:2]
    if height != width and processing.size is not None:
        treated.append(_words(processing))
    return Prepared(fitted(pixels, processing), tuple(treated))


def is_basic(item: SourceImage) -> bool:
    """Return whether ``data.formats=basic`` also reads the image."""
    return item.basic and item.pixels.shape[2] in (1, 3)


def fitted(pixels: np.ndarray, processing: Processing) -> np.ndarray:
    """Convert uint8 ``(H, W, C)`` to ``(C, size, size)``: make it square and resize it, unless it has that size.

    Without a size, the image must be square; raises Unreadable if it is not.
    """
    height, width = pixels.shape[:2]
    size = processing.size
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    if size is None:
        if height != width:
            raise Unreadable(f"it is {width}x{height}, not square; set data.size=N to crop and resize")
        return image.numpy()
    if (height, width) != (size, size):
        # Imported here since it takes longer than importing torch, and most images need no resizing.
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.v2 import functional

        if processing.fit == CROP:
            image = functional.center_crop(image, [min(height, width)] * 2)
        elif processing.fit == PAD:
            return _padded(image, size, processing.colour or BLACK)
        image = functional.resize(image, [size, size], InterpolationMode.BICUBIC, antialias=True)
    return image.numpy()


def _padded(image: Tensor, size: int, colour: tuple[int, int, int]) -> np.ndarray:
    """Resize the longer side, then centre the image on the colour.

    Resizing first avoids a huge square for a long strip.
    """
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    channels, height, width = image.shape
    longer = max(height, width)
    inner = [max(1, round(side * size / longer)) for side in (height, width)]
    image = functional.resize(image, inner, InterpolationMode.BICUBIC, antialias=True)
    whole = np.empty((channels, size, size), np.uint8)
    whole[:] = np.asarray(shade(colour, channels), np.uint8)[:, None, None]
    top, left = ((size - side) // 2 for side in inner)
    whole[:, top : top + inner[0], left : left + inner[1]] = image.numpy()
    return whole


def _words(processing: Processing) -> str:
    if processing.fit == PAD:
        return f"padded to a square with {processing.background or 'black'}"
    return "cropped to the centre square" if processing.fit == CROP else "stretched to a square"
