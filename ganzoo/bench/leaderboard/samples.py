"""Check the sample grids of records, scale them down and encode them for the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from ganzoo.bench.record import Record
from ganzoo.errors import GanzooError
from ganzoo.utils.image_grid import opened_png

LONGEST = 400  # pixels per side; larger grids are scaled down


def check_samples(file: Path, record: Record, results: Path) -> None:
    """Check the sample grid that the record in ``file`` names, if it names one.

    Raises GanzooError if the grid is missing, is not a PNG, or is outside ``results``: records are untrusted input.
    """
    if not record.samples:
        return
    found = file.parent / record.samples
    if not found.resolve().is_relative_to(results.resolve()):
        raise GanzooError(f"{file}: its sample grid {record.samples!r} lies outside {results}")
    _open(found)


def data_uri(file: Path) -> str:
    """Return a grid as a data URI for ``<img>``: a PNG of at most 400 pixels per side, grey or with 256 colours."""
    image = _open(file)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    red, green, blue = image.split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    stream = io.BytesIO()
    (red if grey else image.quantize(256)).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _open(file: Path) -> Image.Image:
    try:
        with opened_png(file) as image:
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise GanzooError(f"the sample grid {file} does not exist") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise GanzooError(f"the sample grid {file} is not a PNG: {' '.join(str(error).split())}") from error
