"""The image sizes that networks reach by doubling."""

from __future__ import annotations

from ganzoo.entries import ImageSpec


def split_size(size: int) -> tuple[int, int]:
    """Return base and doublings with ``size = base * 2**doublings``: 28 is (7, 2), 32 is (4, 3).

    The base is 4 to 7, and there is at least one doubling. Raises ValueError if the size has no such form.
    """
    base, doublings = size, 0
    while base >= 8 and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if doublings < 1 or not 4 <= base <= 7:
        raise ValueError(f"size {size} is not 4, 5, 6 or 7 doubled once or more (8, 28, 32, 48, 64, ...)")
    return base, doublings


def check_doubling(image: ImageSpec) -> None:
    """Raise ValueError if the size is not reached by doubling; for an entry's ``check_image``."""
    split_size(image.size)
