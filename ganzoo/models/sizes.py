"""The sizes that networks reach by doubling."""

from __future__ import annotations

from ganzoo.entries import ImageSpec


def split_size(size: int) -> tuple[int, int]:
    """``size = base * 2**doublings`` with base 4 to 7 and one doubling or more: 28 is (7, 2), 32 is (4, 3).

    Raises ValueError where it cannot be.
    """
    base, doublings = size, 0
    while base >= 8 and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if doublings < 1 or not 4 <= base <= 7:
        raise ValueError(f"size {size} is not 4, 5, 6 or 7 doubled once or more (8, 28, 32, 48, 64, ...)")
    return base, doublings


def check_doubling(image: ImageSpec) -> None:
    """For an entry's ``check_image``: ValueError where the size is not reached by doubling."""
    split_size(image.size)
