"""Draw the best combinations of the benchmark from the sample grids of its records. make_pictures.py uses this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganzoo.bench.record import Record, is_older, read_record, record_files
from ganzoo.errors import GanzooError
from ganzoo.utils.image_grid import read_grid

Found: TypeAlias = tuple[Path, Record]
"""A record and its file."""

TITLES = {"fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10", "mnist": "MNIST"}
TILES = 8  # tiles in the whole picture, at least one row for each data set
IN_A_ROW = 4
SCALE = 2  # pixels of the picture for each pixel of a sample
TILE, TILE_HEIGHT = 336, 224
MARGIN, GAP, TITLE, LABEL = 40, 28, 56, 84
GROUND, INK, QUIET = (13, 17, 23), (240, 246, 252), (157, 167, 179)
CORNER = 24


def best_records(results: Path) -> dict[str, list[Found]]:
    """Return the best record of each combination, by data set. Each list begins with the best record.

    Records that were scored with more images come first, even with a worse score: fewer images raise the FID of the
    same generator. Records with marks, such as demonstrations, older records and records without a score or samples
    are left out.
    """
    best: dict[tuple[str, str], Found] = {}
    for file in record_files(results):
        record = read_record(file)
        if record.ranking is None or record.samples is None or record.marks or is_older(file, results):
            continue
        key = (record.data, record.recipe)
        if key not in best or _order((file, record)) < _order(best[key]):
            best[key] = (file, record)
    by_data: dict[str, list[Found]] = {}
    for found in sorted(best.values(), key=_order):
        by_data.setdefault(found[1].data, []).append(found)
    return by_data


def choose(found: Sequence[Found], count: int) -> list[Found]:
    """Return ``count`` records in their original order, spread over the architectures.

    The best record of each architecture is chosen first, then the second of each, and so on.
    """
    seen: Counter[str] = Counter()
    places = []
    for one in found:
        places.append(seen[one[1].architecture])
        seen[one[1].architecture] += 1
    chosen = sorted(range(len(found)), key=lambda index: (places[index], index))[:count]
    return [found[index] for index in sorted(chosen)]


def draw_combinations(results: Path) -> Image.Image:
    """Draw tiles of samples with recipe and score, in one section for each data set.

    Raises GanzooError if no record has samples.
    """
    by_data = best_records(results)
    if not by_data:
        raise GanzooError(f"{results} has no record with samples; train with `ganzoo bench`")
    count = max(IN_A_ROW, TILES // len(by_data))
    sections = {data: choose(found, count) for data, found in sorted(by_data.items())}
    height = MARGIN + sum(TITLE + _rows(found) * (TILE_HEIGHT + LABEL) for found in sections.values())
    picture = Image.new("RGB", (2 * MARGIN + IN_A_ROW * (TILE + GAP) - GAP, height), GROUND)
    pen = ImageDraw.Draw(picture)
    top = MARGIN
    for data, found in sections.items():
        pen.text((MARGIN, top), TITLES.get(data, data), INK, _font(30))
        pen.text((picture.width - MARGIN, top + 8), _against(found), QUIET, _font(22), anchor="ra")
        for place, one in enumerate(found):
            row, column = divmod(place, IN_A_ROW)
            at = MARGIN + column * (TILE + GAP), top + TITLE + row * (TILE_HEIGHT + LABEL)
            _draw_tile(picture, at, one)
        top += TITLE + _rows(found) * (TILE_HEIGHT + LABEL)
    return rounded(picture, CORNER)


def rounded(picture: Image.Image, corner: int) -> Image.Image:
    """Return a picture with rounded, transparent corners."""
    mask = Image.new("L", (picture.width * 2, picture.height * 2))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), 2 * corner, 255)
    picture = picture.convert("RGBA")
    picture.putalpha(mask.resize(picture.size, Image.Resampling.LANCZOS))
    return picture


def _order(found: Found) -> tuple[int, float, str]:
    return *found[1].order, found[0].name


def _rows(found: Sequence[Found]) -> int:
    return -(-len(found) // IN_A_ROW)


def _against(found: Iterable[Found]) -> str:
    """Return the real images that the tiles of a data set were scored against, in words; "" if they differ."""
    against = {
        f"scored against {record.protocol['real_pictures']:,} {record.protocol['split']} images" for _, record in found
    }
    return against.pop() if len(against) == 1 else ""


def _draw_tile(picture: Image.Image, at: tuple[int, int], found: Found) -> None:
    """Draw the first samples of the grid, without selection, and below them the recipe and the score.

    Raises GanzooError if the file of samples is not a sample grid.
    """
    file, record = found
    images = read_grid(file.parent / str(record.samples))
    if images is None:
        raise GanzooError(f"{file.parent / str(record.samples)} is not a sample grid; restore it")
    left, top = at
    side = images.shape[1] * SCALE
    columns, rows = TILE // side, TILE_HEIGHT // side
    gaps = (TILE - columns * side) // max(1, columns - 1), (TILE_HEIGHT - rows * side) // max(1, rows - 1)
    for place, image in enumerate(images[: columns * rows]):
        row, column = divmod(place, columns)
        large = Image.fromarray(np.asarray(image)).resize((side, side), Image.Resampling.NEAREST)
        picture.paste(large, (left + column * (side + gaps[0]), top + row * (side + gaps[1])))
    pen = ImageDraw.Draw(picture)
    pen.text((left, top + TILE_HEIGHT + 10), record.recipe, INK, _fitting(record.recipe))
    pen.text((left, top + TILE_HEIGHT + 40), _score(record), QUIET, _font(20))


def _score(record: Record) -> str:
    if record.ranked is None:
        return ""
    ranking, value = record.ranked
    return f"{ranking.title} {ranking.text(value)} of {record.protocol.get('fake_pictures', 0):,} images"


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's built-in font, which is the same on every machine."""
    return ImageFont.load_default(size)


def _fitting(text: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the largest font in which a recipe fits below its tile."""
    return next((font for font in map(_font, range(24, 12, -1)) if font.getlength(text) <= TILE), _font(12))
