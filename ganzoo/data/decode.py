"""One image file to uint8, or the reason why not."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

# Bicubic keeps edges sharper than bilinear; antialiased, most papers' data sets use it.
RESIZE: dict[str, Any] = {"method": "torchvision bicubic", "antialias": True, "crop": "centre square"}
GREY = {"1", "L"}
COLOUR = {"RGB", "P", "CMYK", "YCbCr"}
DEPTH = 24  # the byte of a PNG that says how many bits a sample has
ORIENTATION = 0x0112  # EXIF's tag
LYING = {5, 6, 7, 8}  # orientations with width and height exchanged


class Unreadable(ValueError):
    """Why an image cannot be used, without its name."""


def decode(data: bytes) -> np.ndarray:
    """A PNG, JPEG or WebP file to uint8 ``(H, W, 1)`` or ``(H, W, 3)``, turned upright. Raises Unreadable."""
    with _opened(data) as image:
        array = np.asarray(ImageOps.exif_transpose(image).convert("L" if image.mode in GREY else "RGB"))
    return array[:, :, None] if array.ndim == 2 else array


def measure(data: bytes) -> tuple[int, int, int]:
    """Return the shape ``(H, W, C)`` that :func:`decode` would give, from the file's header. Raises Unreadable."""
    with _opened(data) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION, 1) in LYING:
            width, height = height, width
        return height, width, 1 if image.mode in GREY else 3


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """An image of a kind that can be used, not decoded yet. Raises Unreadable, for what fails within too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # broken EXIF, which is passed over
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
                # Pillow would leave half the bits of some out and not know others.
                if image.format == "PNG" and data[DEPTH] > 8:
                    raise Unreadable("it has more than 8 bits a channel; convert it to 8")
                _check(image)
                yield image
        except Unreadable:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise Unreadable("it is too large to be decoded safely; make it smaller") from error
        except UnidentifiedImageError as error:  # whose own text is an address in memory
            raise Unreadable("it cannot be decoded (not a PNG, JPEG or WebP file)") from error
        except Exception as error:  # Pillow raises nearly anything on damaged files
            raise Unreadable(
                f"it cannot be decoded ({' '.join(str(error).split()) or type(error).__name__})"
            ) from error


def _check(image: Image.Image) -> None:
    # A JPEG of a phone may carry further images (MPO); the first is the photograph.
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise Unreadable("it is animated; save one frame")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        raise Unreadable("it has an alpha channel; flatten it onto a background")
    if image.mode not in GREY | COLOUR:
        raise Unreadable(f"its colour mode {image.mode} is not supported; convert it to RGB")


def resize(pixels: np.ndarray, size: int | None) -> np.ndarray:
    """uint8 ``(H, W, C)`` to ``(C, size, size)``: the centre square, resized where it is not that size already.

    With ``size`` None the image must be square. Raises Unreadable where it is not.
    """
    height, width = pixels.shape[:2]
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    if size is None:
        if height != width:
            raise Unreadable(f"it is {width}x{height}, not square; set data.size=N to crop and resize")
        return image.numpy()
    if (height, width) != (size, size):
        # Here, as it takes longer to import than torch itself, and most images have their size already.
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.v2 import functional

        image = functional.center_crop(image, [min(height, width)] * 2)
        image = functional.resize(image, [size, size], InterpolationMode.BICUBIC, antialias=True)
    return image.numpy()
