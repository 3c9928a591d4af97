"""The sample grids beside the records: checked, made small, and put into the page itself."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from ganzoo.bench.record import Record
from ganzoo.errors import GanzooError
from ganzoo.utils.image_grid import opened_png

LONGEST = 400  # pixels of a side; more is scaled down


def check_samples(file: Path, record: Record, results: Path) -> None:
    """Look at the grid of a record that lies in ``file``, if it names one.

    Raises GanzooError where it is no PNG, or lies outside ``results``: a record is foreign input.
    """
    if not record.samples:
        return
    found = file.parent / record.samples
    if not found.resolve().is_relative_to(results.resolve()):
        raise GanzooError(f"{file}: its sample grid {record.samples!r} lies outside {results}")
    _open(found)


def data_uri(file: Path) -> str:
    """A small PNG, grey or of 256 colours, as the source of an ``<img>``."""
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
        raise GanzooError(f"the sample grid {file} is not there") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise GanzooError(f"the sample grid {file} is not a PNG: {' '.join(str(error).split())}") from error
