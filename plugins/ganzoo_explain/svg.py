"""Draws a system as SVG. All text is untrusted, so it is escaped. Does not import torch."""

from __future__ import annotations

from html import escape

from ganzoo.utils.html import asset
from ganzoo_explain.layout import Box, Measures, Wire, place_across, place_down
from ganzoo_explain.system import LEARNERS, Learner, System

# For a monospaced font of 12 pixels. The widths leave some room, since fonts differ.
ACROSS = Measures(char=7.3, line=16, title=24, pad=(11, 8), layer_gap=34, lane_gap=34, wrap=23, label=6.8)
DOWN = Measures(char=7.3, line=16, title=24, pad=(7, 8), layer_gap=56, lane_gap=14, wrap=22)
BESIDE: dict[Learner, float] = {"discriminator": 9, "generator": 18}  # pixels from an arrow to its gradients
MARGIN = 4
LEGEND = (
    ("real", "real images"),
    ("fake", "generated images"),
    ("discriminator", "gradient of the discriminator's update"),
    ("generator", "gradient of the generator's update"),
    ("", "n×c×h×w: images × channels × height × width"),
)


def to_svg(system: System) -> str:
    """Return the diagram as a file of its own, from left to right. It follows the viewer's light or dark mode."""
    return diagram(system, across=True, style=style())


def text(content: object) -> str:
    """Escape anything for use as text in an element or in a quoted attribute."""
    return escape(" ".join(str(content).split()))


def style() -> str:
    """Return the colours of parts, arrows and gradients, as CSS."""
    return asset("ganzoo_explain", "diagram.css")


def diagram(system: System, *, across: bool, style: str = "") -> str:
    """Return an ``svg`` element, drawn from left to right or from top to bottom. ``style``: CSS to include."""
    drawing = place_across(system, ACROSS) if across else place_down(system, DOWN)
    name = "across" if across else "down"
    legend, bottom = _legend(drawing.width, drawing.height + 30)
    width, height = drawing.width + 2 * MARGIN, bottom + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram {name}" role="img" '
        f'viewBox="{-MARGIN} {-MARGIN} {width:g} {height:g}" width="{width:g}" height="{height:g}">'
        f"<title>{text(f'The system of {system.recipe}')}</title>"
        f"{f'<style>{style}</style>' if style else ''}<defs>{_markers(name)}</defs>"
        f"{''.join(_wire(wire, name, across) for wire in drawing.wires)}"
        f"{''.join(_box(box) for box in drawing.boxes)}{legend}</svg>"
    )


def _markers(name: str) -> str:
    """Return the arrow heads. Their ids differ between the two diagrams of a page."""
    kinds = ("real", "fake", "both", "discriminator", "generator")
    return "".join(
        f'<marker id="{name}-{kind}" class="head {kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        f'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>'
        for kind in kinds
    )


def _box(box: Box) -> str:
    part, (pad, _) = box.part, ACROSS.pad
    lines = [f'<text class="title" x="{box.x + pad:.1f}" y="{box.y + 21:.1f}">{text(part.title)}</text>']
    for i, line in enumerate(box.lines):
        y = box.y + ACROSS.pad[1] + ACROSS.title + ACROSS.line * (i + 0.75)
        indent = ' xml:space="preserve"' if line.text.startswith(" ") else ""
        shown = escape(line.text)  # keeps leading blanks
        lines.append(f'<text class="{line.tone}" x="{box.x + pad:.1f}" y="{y:.1f}"{indent}>{shown}</text>')
    kind = part.learner or part.side
    if part.key == part.learner:  # a network: its state in each update
        for learner in LEARNERS:
            state = "learns" if learner == part.key else "frozen"
            lines.append(
                f'<text class="state when-{learner}" text-anchor="end" x="{box.x + box.width - 8:.1f}" '
                f'y="{box.y + 20:.1f}">{state}</text>'
            )
    rectangle = f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="8"/>'
    return f'<g class="part {kind}" data-part="{text(part.key)}">{rectangle}{"".join(lines)}</g>'


def _legend(width: float, y: float) -> tuple[str, float]:
    """Return the legend of the colours, in as many rows as it needs, and its lower edge."""
    drawn, x = [], 0.0
    for kind, words in LEGEND:
        wide = (44 if kind else 12) + 6.8 * len(words)
        if x and x + wide > width:
            x, y = 0.0, y + 20
        if kind:
            stroke = "gradient" if kind in LEARNERS else "wire"
            drawn.append(f'<path class="{stroke} {kind}" d="M{x:.1f} {y - 4:.1f}h26"/>')
        drawn.append(f'<text class="label" x="{x + 32 * bool(kind):.1f}" y="{y:.1f}">{words}</text>')
        x += wide
    return f'<g class="legend">{"".join(drawn)}</g>', y + 6


def _wire(wire: Wire, name: str, across: bool) -> str:
    """Return the arrow with its label, and next to it each gradient that flows back along it."""
    drawn = [f'<path class="wire {wire.side}" marker-end="url(#{name}-{wire.side})" d="{_path(wire, across, 0)}"/>']
    for learner in wire.arrow.gradients:
        way = _path(wire, across, BESIDE[learner], back=True)
        drawn.append(f'<path class="gradient {learner}" marker-end="url(#{name}-{learner})" d="{way}"/>')
    (x1, y1), (x2, y2) = wire.start, wire.end
    if across and wire.crosses:  # outside the bend
        x, y, anchor = x1 + 4, y1 + 24 if y2 > y1 else y1 - 14, "start"
    elif across:
        x, y, anchor = (x1 + x2) / 2, y1 - 6, "middle"
    else:
        x, y, anchor = x1 - 7, y1 + 17, "end"
    drawn.append(f'<text class="label" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{text(wire.arrow.label)}</text>')
    return f'<g data-arrow="{text(wire.arrow.source)} {text(wire.arrow.target)}">{"".join(drawn)}</g>'


def _path(wire: Wire, across: bool, beside: float, back: bool = False) -> str:
    """Return the path of a straight line, or of an S from one lane to the other, shifted by ``beside`` pixels.

    back: reverse the path.
    """
    (x1, y1), (x2, y2) = wire.start, wire.end
    if across:
        y1, y2, bend = y1 + beside, y2 + beside, (x2 - x1) / 2
        bends = (x1 + bend, y1, x2 - bend, y2)
    else:
        x1, x2, bend = x1 + beside, x2 + beside, (y2 - y1) / 2
        bends = (x1, y1 + bend, x2, y2 - bend)
    points = (x1, y1, *bends, x2, y2)
    if back:
        points = (x2, y2, bends[2], bends[3], bends[0], bends[1], x1, y1)
    start, *rest = zip(points[::2], points[1::2], strict=True)
    return f"M{start[0]:.1f} {start[1]:.1f}C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)
