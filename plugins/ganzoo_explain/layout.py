"""Computes the positions of a system's boxes and arrows, in pixels or in characters. Does not import torch.

The layers follow the arrows. There is a lane for generated and one for real images; a part that sees both spans both.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from ganzoo_explain.system import Arrow, Line, Part, Side, System

LEAVES, ENTERS = 0.34, 0.42  # offset of an arrow to or from the other lane from a box's middle, in extents of the box

TITLE = 1.25  # width of a title's character, in widths of a character of the text
BEND = 4  # characters of a label that always fit between layers, which leaves room for an arrow that changes lanes


@dataclass(frozen=True)
class Measures:
    """Sizes in the renderer's unit.

    char, line, title: the width of a character, the height of a line and of a title. pad: the space between a box's
    border and its text, across and down. layer_gap: the space between layers; where arrows run across, ``label`` is
    added for each character of the longest label. lane_gap: the space between the lanes. wrap: the characters in a line
    of a box that fills one lane.
    """

    char: float
    line: float
    title: float
    pad: tuple[float, float]
    layer_gap: float
    lane_gap: float
    wrap: int
    label: float = 0.0


@dataclass(frozen=True)
class Box:
    """A part at its position, with its lines wrapped to fit."""

    part: Part
    lines: tuple[Line, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Wire:
    """An arrow from one point to another. side: the images it carries. crosses: whether it changes lanes."""

    arrow: Arrow
    start: tuple[float, float]
    end: tuple[float, float]
    side: Side
    crosses: bool


@dataclass(frozen=True)
class Drawing:
    """The boxes and wires at their positions."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def layers_of(system: System) -> list[list[Part]]:
    """Return the parts by their distance from the end, so that each is right before the first part that needs it."""
    after: dict[str, list[str]] = {part.key: [] for part in system.parts}
    for arrow in system.arrows:
        after[arrow.source].append(arrow.target)

    def distance(key: str) -> int:
        return max((1 + distance(target) for target in after[key]), default=0)

    distances = {part.key: distance(part.key) for part in system.parts}
    return [
        [part for part in system.parts if distances[part.key] == left]
        for left in reversed(range(max(distances.values()) + 1))
    ]


def place_down(system: System, measures: Measures) -> Drawing:
    """Place the layers from top to bottom, with the lanes side by side and equally wide."""
    lane = measures.wrap * measures.char + 2 * measures.pad[0]
    lanes = [(0.0, lane), (lane + measures.lane_gap, lane)]
    boxes: list[Box] = []
    y = 0.0
    for layer in layers_of(system):
        wrapped = {}
        for part in layer:
            _, extent = _span(part.side, lanes)
            wrapped[part.key] = _wrap(part, int((extent - 2 * measures.pad[0]) // measures.char))
        height = max(_height(lines, measures) for lines in wrapped.values())
        for part in layer:
            x, extent = _span(part.side, lanes)
            boxes.append(Box(part, wrapped[part.key], x, y, extent, height))
        y += height + measures.layer_gap
    width = _span("both", lanes)[1]
    return _joined(system, boxes, lanes, width, y - measures.layer_gap, down=True)


def place_across(system: System, measures: Measures) -> Drawing:
    """Place the layers from left to right, each as wide as its text, with one lane above the other."""
    layers = layers_of(system)
    wrapped = {part.key: _wrap(part, measures.wrap) for part in system.parts}
    heights = {part.key: _height(wrapped[part.key], measures) for part in system.parts}
    one = [
        max((heights[part.key] for part in system.parts if part.side == side), default=0.0) for side in ("fake", "real")
    ]
    lacking = max((heights[part.key] for part in system.parts if part.side == "both"), default=0.0) - sum(one)
    room = max(0.0, lacking - measures.lane_gap) / 2
    lanes = [(0.0, one[0] + room), (one[0] + room + measures.lane_gap, one[1] + room)]
    boxes: list[Box] = []
    x = 0.0
    for i, layer in enumerate(layers):
        longest = max(len(line.text) for part in layer for line in wrapped[part.key])
        titles = TITLE * max(len(part.title) for part in layer)
        width = max(longest, titles) * measures.char + 2 * measures.pad[0]
        for part in layer:
            y, extent = _span(part.side, lanes)
            own = extent if part.side == "both" else heights[part.key]
            boxes.append(Box(part, wrapped[part.key], x, y + (extent - own) / 2, width, own))
        keys = {part.key for part in layer}
        labels = [len(arrow.label) for arrow in system.arrows if arrow.source in keys]
        x += width
        if i < len(layers) - 1:
            x += measures.layer_gap + measures.label * max([BEND, *labels])
    return _joined(system, boxes, lanes, x, _span("both", lanes)[1], down=False)


def _joined(
    system: System, boxes: list[Box], lanes: list[tuple[float, float]], width: float, height: float, *, down: bool
) -> Drawing:
    by_key = {box.part.key: box for box in boxes}
    wires = []
    for arrow in system.arrows:
        source, target = by_key[arrow.source], by_key[arrow.target]
        sides = [side for side in (source.part.side, target.part.side, arrow.side) if side != "both"]
        carried: Side = sides[0] if sides else "both"
        here = _port(source, sides[-1] if sides else "both", lanes, LEAVES, down)
        there = _port(target, carried, lanes, ENTERS, down)
        start = (here, source.y + source.height) if down else (source.x + source.width, here)
        end = (there, target.y) if down else (target.x, there)
        wires.append(Wire(arrow, start, end, carried, crosses=len(set(sides)) == 2))
    return Drawing(width, height, tuple(boxes), tuple(wires))


def _port(box: Box, other: Side, lanes: list[tuple[float, float]], aside: float, down: bool) -> float:
    """Return the position at which an arrow to or from a part of the side ``other`` meets a box.

    It is the middle of the lane that both share; if they are in different lanes, it is off the middle by ``aside``.
    """
    own = box.part.side
    if {own, other} == {"fake", "real"}:
        begin, extent = (box.x, box.width) if down else (box.y, box.height)
        return begin + extent * (0.5 + (aside if own == "fake" else -aside))
    begin, extent = _span(own if own != "both" else other, lanes)
    return begin + extent / 2


def _span(side: Side, lanes: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the start of a side's lane, and its extent."""
    if side == "both":
        return lanes[0][0], lanes[1][0] + lanes[1][1] - lanes[0][0]
    return lanes[side == "real"]


def _wrap(part: Part, width: int) -> tuple[Line, ...]:
    found = []
    for line in part.lines:
        indent = "  " if line.tone == "formula" else ""
        broken = textwrap.wrap(line.text, max(8, width), subsequent_indent=indent, break_on_hyphens=False)
        found += [Line(text, line.tone) for text in broken]
    return tuple(found)


def _height(lines: tuple[Line, ...], measures: Measures) -> float:
    return measures.title + len(lines) * measures.line + 2 * measures.pad[1]
