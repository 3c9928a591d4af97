"""Draw what a terminal shows after `ganzoo run` as an SVG, with Rich. make_pictures.py uses this."""

from __future__ import annotations

import re
from collections import defaultdict
from io import StringIO

from PIL import Image
from rich.console import Console
from rich.text import Text

from ganzoo import Run
from ganzoo.console.display import make_display
from ganzoo.console.summary import summary

WIDTH, HEIGHT = 122, 40  # characters
CORNER = "╭"  # the first character of the panel that a display draws
# Rich's template without its remote fonts.
FORM = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", \
monospace; }}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
LINE, COLUMN = 24.4, 12.2  # height and width of a character in Rich's SVG
BLOCK = re.compile(
    r'<text class="(?P<style>[\w-]+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="[\d.]+" '
    r'clip-path="[^"]*">(?P<blocks>[▀▄█]+)</text>\n?'
)
GROUND = re.compile(
    r'<rect fill="(?P<colour>#\w+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" width="(?P<width>[\d.]+)" '
    r'height="[\d.]+" shape-rendering="crispEdges"/>'
)


def draw_terminal(run: Run, command: str) -> str:
    """Return the last screen of a finished run as SVG: the command, the last frame of its display, and the summary."""
    console = _console()
    console.print(Text.assemble(("$ ", "green"), command))
    console.print(f"{run.config['recipe']} on {run.config['data']['name']}, {_kimg(run):g} kimg, into {run.path}",
                  highlight=False)  # fmt: skip
    console.print(_last_frame(run), no_wrap=True)
    if (report := run.path / "report.html").is_file():
        console.print(f"report: {report}", highlight=False)
    for line in [*summary(run), ""]:  # Rich cuts off the last line
        console.print(line, highlight=False)
    return with_squares(console.export_svg(title=command, code_format=FORM, unique_id="terminal"))


def with_squares(svg: str) -> str:
    """Return the SVG with half blocks as squares, because a font leaves gaps between them. Each colour is one path."""
    squares: dict[str, list[str]] = defaultdict(list)
    colours = dict(re.findall(r"\.([\w-]+) \{ fill: (#\w+)", svg))

    def ground(found: re.Match[str]) -> str:
        left, top = round(float(found["x"]) / COLUMN), round((float(found["y"]) - 1.5) / LINE)
        width = round(float(found["width"]) / COLUMN)
        squares[found["colour"]].append(f"M{left} {2 * top}h{width}v2h-{width}z")
        return ""

    def blocks(found: re.Match[str]) -> str:
        left, line = round(float(found["x"]) / COLUMN), round((float(found["y"]) - 20) / LINE)
        for place, block in enumerate(found["blocks"], left):
            top, height = {"▀": (0, 1), "▄": (1, 1), "█": (0, 2)}[block]
            squares[colours[found["style"]]].append(f"M{place} {2 * line + top}h1v{height}h-1z")
        return ""

    before, _, after = svg.partition('<g class="terminal-matrix">')
    before = GROUND.sub(ground, before)
    below = _paths(squares)
    squares.clear()
    after = BLOCK.sub(blocks, after)
    svg = f'{before}{below}{_paths(squares)}\n<g class="terminal-matrix">{after}'
    return re.sub(r"^\.([\w-]+) \{ fill: .*\}\n", lambda style: style[0] if f'"{style[1]}"' in after else "", svg,
                  flags=re.M)  # fmt: skip


def _paths(squares: dict[str, list[str]]) -> str:
    paths = "\n".join(f'<path fill="{colour}" d="{"".join(parts)}"/>' for colour, parts in squares.items())
    return f'<g transform="translate(0,1.5) scale({COLUMN})" shape-rendering="crispEdges">\n{paths}\n</g>\n'


def _last_frame(run: Run) -> Text:
    """Return what a run's live display shows when the run ends."""
    console = _console()
    display = make_display(console)
    display.begin("", round(1000 * _kimg(run)))
    display.past(run.log)
    with Image.open(run.samples[-1]) as samples:
        display.show_samples(samples.convert("RGB"))
    display.progress(round(1000 * _kimg(run)))
    display.close()
    lines = Text.from_ansi(console.export_text(styles=True)).split("\n")
    begin = max(place for place, line in enumerate(lines) if line.plain.startswith(CORNER))
    return Text("\n").join(lines[begin:])


def _console() -> Console:
    """Return a console that records what is printed and shows nothing."""
    return Console(record=True, file=StringIO(), force_terminal=True, color_system="truecolor", width=WIDTH,
                   height=HEIGHT, legacy_windows=False)  # fmt: skip


def _kimg(run: Run) -> float:
    return float(run.config["loop"]["kimg"])
