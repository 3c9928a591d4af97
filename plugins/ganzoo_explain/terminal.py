"""Prints a system in the terminal: the diagram in characters, then everything in words. Does not import torch."""

from __future__ import annotations

import codecs
from dataclasses import replace

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ganzoo_explain.canvas import Canvas
from ganzoo_explain.layout import Box, Drawing, Measures, Wire, place_down
from ganzoo_explain.system import Learner, Section, Setting, System, Update

STYLES = {"": "", "real": "green", "fake": "red", "both": "", "formula": "cyan", "strong": "bold"}
LEARNER: dict[str, str] = {"discriminator": "magenta", "generator": "dark_orange3", "": ""}
BESIDE: dict[Learner, int] = {"discriminator": 2, "generator": 4}  # columns from an arrow to its gradients
WIDEST = 140
ASCII = "ganzoo-ascii"
PLAIN = {**dict.fromkeys("╭╮╰╯├┤┬┴┼", "+"), "│": "|", "┊": ":", "─": "-", "▲": "^", "▼": "v", "→": ">", "×": "x"}


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error(ASCII, _in_ascii)


def print_system(system: System, console: Console) -> None:
    """Print the whole system, as wide as the terminal but at most ``WIDEST`` columns, so that lines stay readable."""
    if console.options.ascii_only:
        console.file.reconfigure(errors=ASCII)  # type: ignore[attr-defined]
    width = min(console.width, WIDEST)
    for part in _parts(system, width):
        console.print(part, width=width)


def _parts(system: System, width: int) -> list[RenderableType]:
    return [
        Text(system.recipe, "bold"),
        Text(system.summary),
        Text(),
        diagram(system, width),
        _legend(),
        *_titled("One round of training", [_numbered(system.round)]),
        *(_update(update) for update in system.updates),
        *_titled("The parts", [_section(section) for section in system.sections]),
        *_titled("Settings of the training", [_settings(system.settings)]),
        Text(),
        Text.assemble("Train it:  ", (system.command, "bold")),
    ]


def diagram(system: System, width: int) -> Text:
    """Return the boxes, arrows and gradients, at most ``width`` characters wide."""
    gap = 4
    wrap = max(20, (width - gap) // 2 - 4)
    measures = Measures(char=1, line=1, title=0, pad=(2, 1), layer_gap=3, lane_gap=gap, wrap=min(wrap, 52))
    drawing = place_down(system, measures)
    rows = max((track for track, _ in _tracks(drawing)), default=0)
    drawing = place_down(system, replace(measures, layer_gap=2 + max(1, rows)))
    canvas = Canvas(round(drawing.width), round(drawing.height))
    for placed in drawing.boxes:
        _draw_box(canvas, placed)
    for track, wire in _tracks(drawing):
        _draw_wire(canvas, wire, track)
    return canvas.text()


def _draw_box(canvas: Canvas, placed: Box) -> None:
    part = placed.part
    style = LEARNER[part.learner] or STYLES[part.side]
    x, y = round(placed.x), round(placed.y)
    canvas.box(x, y, round(placed.width), round(placed.height), style)
    canvas.write(x + 2, y, f" {part.title} ", f"bold {style}")
    for i, line in enumerate(placed.lines):
        canvas.write(x + 2, y + 1 + i, line.text, STYLES[line.tone])


def _tracks(drawing: Drawing) -> list[tuple[int, Wire]]:
    """Return each wire with the row, counted from its start, in which it changes lanes; 0 if it does not.

    No two wires change lanes in the same row.
    """
    crossing = [wire for wire in drawing.wires if wire.crosses]
    return [(crossing.index(wire) + 1 if wire.crosses else 0, wire) for wire in drawing.wires]


def _draw_wire(canvas: Canvas, wire: Wire, track: int) -> None:
    style = STYLES[wire.side]
    (x1, y1), (x2, y2) = [(round(x), round(y)) for x, y in (wire.start, wire.end)]
    canvas.line(x1, y1, x2, y2 - 1, y1 + track, style)
    canvas.write(x2, y2 - 1, "▼", style)
    side = -1 if wire.crosses and x2 < x1 else 1
    offset = 0
    for learner in wire.arrow.gradients:
        if wire.crosses:  # one line for both directions; the gradient's arrow head is at its start
            canvas.write(x1 + 1, y1, "▲", LEARNER[learner])
            offset = 1
            continue
        offset = BESIDE[learner]
        for y in range(y1 + 1, y2):
            canvas.write(x1 + offset, y, "┊", LEARNER[learner])
        canvas.write(x1 + offset, y1, "▲", LEARNER[learner])
    if wire.crosses:
        return
    label = wire.arrow.label
    x, y = x1 + offset + 2 * side, y1
    if x + len(label) > len(canvas.rows[0]):  # left of the line, one row below the label of the next line
        x, y = x1 - 1 - len(label), y1 + 1
    canvas.write(x, y, label, "dim")


def _legend() -> Text:
    return Text.assemble(
        ("│▼", "green"), " real  ", ("│▼", "red"), " generated  ",
        ("▲", LEARNER["discriminator"]), " gradient of the discriminator's update  ",
        ("▲", LEARNER["generator"]), " of the generator's update\n",
        ("n×c×h×w", "dim"), " is a shape: images × channels × height × width",
    )  # fmt: skip


def _titled(title: str, content: list[RenderableType]) -> list[RenderableType]:
    return [Text(f"\n{title}", "bold underline"), *content]


def _numbered(lines: tuple[str, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for i, line in enumerate(lines, 1):
        table.add_row(Text(f"{i}."), Text(line))
    return table


def _update(update: Update) -> RenderableType:
    style = LEARNER[update.learner]
    path = Text("gradient: ").append(" → ".join(update.path), style)
    formula = [Padding(Text(line.text, STYLES[line.tone]), (0, 0, 0, 0 if i == 0 else 2))
               for i, line in enumerate(update.formula)]  # fmt: skip
    body = Group(*formula, path, *(Text(line) for line in update.sentences))
    return Panel(
        body, title=Text(update.title, f"bold {style}"), title_align="left", border_style=style, box=box.ROUNDED
    )


def _section(section: Section) -> RenderableType:
    lines: list[RenderableType] = [Text.assemble((section.title, "bold"), (f"  {section.name}", "dim"))]
    body = Text(" ".join(section.sentences))
    if section.paper:
        body.append(f"\n{section.paper}", "dim")
    if section.settings:
        body.append("\n" + "  ".join(f"{one.key}={one.value}" for one in section.settings), "dim")
    return Group(*lines, Padding(body, (0, 0, 1, 2)))


def _settings(settings: tuple[Setting, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for one in settings:
        table.add_row(Text(f"{one.key}={one.value}", "bold", overflow="fold"), Text(one.help))
    return table
