"""Draws a loss over a verdict as a small SVG chart. Does not import torch."""

from __future__ import annotations

from collections.abc import Sequence

from ganzoo_explain.svg import text
from ganzoo_explain.system import Curve

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 300.0, 170.0, 50.0, 34.0, 10.0, 52.0


def chart(curves: Sequence[Curve], title: str) -> str:
    """Return a chart of all curves over one pair of axes; "" if there are none."""
    points = [point for curve in curves for point in curve.points]
    if not points:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = min(ys), max(ys)
    spread = high - low or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - min(xs)) / (max(xs) - min(xs))
        up = (y - low) / spread
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - BOTTOM - TOP)

    drawn = []
    for x in (min(xs), 0.0, max(xs)):
        at, ground = place(x, low)
        drawn.append(f'<path class="axis" d="M{at:.1f} {TOP:g}V{ground:.1f}"/>')
        drawn.append(f'<text class="label" text-anchor="middle" x="{at:.1f}" y="{ground + 14:.1f}">{x:g}</text>')
    for y in (low, high):
        left, at = place(min(xs), y)
        drawn.append(f'<path class="axis" d="M{left:.1f} {at:.1f}H{WIDTH - RIGHT:g}"/>')
        drawn.append(f'<text class="label" text-anchor="end" x="{left - 6:.1f}" y="{at + 4:.1f}">{y:.2g}</text>')
    middle = place(0.0, low)[0]
    drawn.append(f'<text class="label" text-anchor="middle" x="{middle:.1f}" y="{HEIGHT - 4:g}">verdict</text>')
    taken: list[float] = []
    for curve in curves:
        way = " ".join("{:.1f} {:.1f}".format(*place(*point)) for point in curve.points)
        drawn.append(f'<path class="wire {curve.tone}" d="M{way}"/>')
        x, y = place(*curve.points[-1])
        while any(abs(y - other) < 12 for other in taken):
            y -= 12
        taken.append(y)
        drawn.append(f'<text class="{curve.tone}" x="{x + 5:.1f}" y="{y + 4:.1f}">{text(curve.verdict)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram chart" role="img" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'width="{WIDTH:g}" height="{HEIGHT:g}"><title>{text(title)}</title>{"".join(drawn)}</svg>'
    )
