"""Drawing functions of the lesson. The SVG files contain their images, and have light and dark colours."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganzoo.utils.image_grid import sheet
from ganzoo_explain.svg import style, text

WIDTH = 400  # the width of a drawing, about that of a phone
MARGIN = 8  # around a drawing
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 26, 36  # margins of a chart inside its drawing
MORE_STYLE = """
.diagram { font: 12px system-ui, "DejaVu Sans", sans-serif; }
.diagram image { image-rendering: pixelated; }
.diagram .dashed { stroke-dasharray: 6 4; }
.diagram .border { stroke: var(--quiet); stroke-dasharray: 2 4; }
.diagram .axis { stroke: var(--line); stroke-width: 1; }
.diagram text.discriminator { fill: var(--discriminator); }
.diagram text.generator { fill: var(--generator); }
.diagram path.real { stroke: var(--real); }
.diagram path.fake { stroke: var(--fake); }
.diagram path.discriminator { stroke: var(--discriminator); }
.diagram path.generator { stroke: var(--generator); }
"""


@dataclass(frozen=True)
class Line:
    """One curve: its points ``(x, y)``, and a tone of ``ganzoo explain``: real, fake, discriminator or generator."""

    title: str
    tone: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis of a chart: its title, its range, and its ticks as pairs of value and text."""

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def place(self, value: float) -> float:
        """Return the position of a value: 0 at the low end, 1 at the high end. Values beyond an end are clamped."""
        value = max(self.low, value)
        low, high, at = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        return min(1.0, (at - low) / (high - low))


def drawing(title: str, height: float, content: str) -> str:
    """Return the content of a drawing as a complete SVG file."""
    wide, high = WIDTH + 2 * MARGIN, height + 2 * MARGIN
    size = f'viewBox="{-MARGIN} {-MARGIN} {wide} {high:g}" width="{wide}" height="{high:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" role="img" {size}><title>{text(title)}</title>'
        f"<style>{style()}{MORE_STYLE}</style>{content}</svg>\n"
    )


def chart(lines: Sequence[Line], x: Axis, y: Axis, *, height: float = 230, border: float | None = None) -> str:
    """Draw lines on one pair of axes, with a legend above. Return the content of a drawing.

    border: the value at which a horizontal dotted line is drawn.
    """
    wide, high = WIDTH - LEFT - RIGHT, height - TOP - BOTTOM

    def at(px: float, py: float) -> tuple[float, float]:
        return LEFT + wide * x.place(px), TOP + high * (1 - y.place(py))

    drawn = []
    for value, words in y.ticks:
        level = at(x.low, value)[1]
        drawn.append(f'<path class="axis" d="M{LEFT} {level:.1f}H{WIDTH - RIGHT}"/>')
        drawn.append(f'<text class="label" text-anchor="end" x="{LEFT - 5}" y="{level + 4:.1f}">{text(words)}</text>')
    for value, words in x.ticks:
        across = at(value, y.low)[0]
        anchor = "end" if x.place(value) > 0.97 else "middle"
        place = f'text-anchor="{anchor}" x="{across:.1f}" y="{height - BOTTOM + 15}"'
        drawn.append(f'<text class="label" {place}>{text(words)}</text>')
    drawn.append(
        f'<text class="label" text-anchor="middle" x="{LEFT + wide / 2:g}" y="{height - 5}">{text(x.title)}</text>'
    )
    if border is not None:
        drawn.append(f'<path class="border" d="M{LEFT} {at(x.low, border)[1]:.1f}H{WIDTH - RIGHT}"/>')
    for line in lines:
        way = " ".join("{:.1f} {:.1f}".format(*at(*point)) for point in line.points)
        dashed = " dashed" if line.dashed else ""
        drawn.append(f'<path class="{line.tone}{dashed}" d="M{way}"/>')
    legend, start = [], float(LEFT)
    for line in lines:
        dashed = " dashed" if line.dashed else ""
        legend.append(f'<path class="{line.tone}{dashed}" d="M{start:.1f} 10h20"/>')
        legend.append(f'<text class="{line.tone}" x="{start + 25:.1f}" y="14">{text(line.title)}</text>')
        start += 40 + 6.6 * len(line.title)
    return "".join(drawn) + "".join(legend)


def picture(images: np.ndarray, columns: int, x: float, y: float, width: float) -> tuple[str, float]:
    """Draw uint8 images ``(N, H, W, 3)`` in rows of ``columns``. Return the element and its height."""
    whole = sheet(images, columns)
    stream = io.BytesIO()
    whole.save(stream, "png", optimize=True)
    data = base64.b64encode(stream.getvalue()).decode()
    height = width * whole.height / whole.width
    size = f'x="{x:g}" y="{y:.1f}" width="{width:g}" height="{height:.1f}"'
    return f'<image {size} href="data:image/png;base64,{data}"/>', height


def heat(gradients: np.ndarray) -> np.ndarray:
    """Return signed pixels ``(N, H, W)`` as colours ``(N, H, W, 3)``: orange above 0, blue below 0, grey at 0.

    Each image has its own scale: the 99th percentile of its absolute values has the full colour.
    """
    scale = np.percentile(np.abs(gradients), 99, axis=(1, 2), keepdims=True) + 1e-12
    share = np.clip(gradients / scale, -1, 1)[..., None]
    middle, above, below = (np.array(colour, float) for colour in ((128, 128, 128), (255, 170, 60), (60, 140, 255)))
    mixed = np.where(share > 0, middle + share * (above - middle), middle - share * (below - middle))
    return mixed.round().astype(np.uint8)


def caption(words: str, y: float, x: float = 0, tone: str = "", anchor: str = "start") -> str:
    """Return one line of text as an SVG element."""
    return f'<text class="{tone}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(words)}</text>'
