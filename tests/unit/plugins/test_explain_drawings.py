"""The drawings of `ganzoo explain`: nothing overlaps, everything fits, and a browser shows the page."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import pytest
from rich.console import Console

from ganzoo.config.resolve import resolve
from ganzoo_explain.canvas import Canvas
from ganzoo_explain.describe import describe
from ganzoo_explain.layout import layers_of, place_across, place_down
from ganzoo_explain.page import to_page
from ganzoo_explain.svg import ACROSS, DOWN, style, to_svg
from ganzoo_explain.terminal import diagram, print_system

SMALL = ["generator.width=16", "discriminator.width=16"]
EVERYTHING = ["mlp+relativistic+r1+diffaug", *SMALL, "penalties.r1.interval=16"]


def explained(registry, recipe, *settings):
    return describe(resolve(registry, recipe, None, settings), settings)


@pytest.mark.parametrize("recipe", [["mlp+minimax", *SMALL], EVERYTHING])
@pytest.mark.parametrize(("place", "measures"), [(place_across, ACROSS), (place_down, DOWN)])
def test_nothing_lies_on_anything_else(registry, recipe, place, measures):
    system = explained(registry, *recipe)
    drawing = place(system, measures)
    assert {box.part.key for box in drawing.boxes} == {part.key for part in system.parts}
    for i, a in enumerate(drawing.boxes):
        assert a.x >= 0 and a.y >= 0 and a.x + a.width <= drawing.width + 0.1 and a.y + a.height <= drawing.height + 0.1
        assert all(len(line.text) * measures.char <= a.width - measures.pad[0] for line in a.lines), a.part.key
        assert " ".join(line.text.strip() for line in a.lines) == " ".join(line.text for line in a.part.lines)
        for b in drawing.boxes[:i]:
            apart = a.x >= b.x + b.width or b.x >= a.x + a.width or a.y >= b.y + b.height or b.y >= a.y + a.height
            assert apart, (a.part.key, b.part.key)
    placed = {box.part.key: box for box in drawing.boxes}
    for wire in drawing.wires:
        for (x, y), box in ((wire.start, placed[wire.arrow.source]), (wire.end, placed[wire.arrow.target])):
            assert box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height
    order = {part.key: number for number, layer in enumerate(layers_of(system)) for part in layer}
    assert all(order[arrow.target] == order[arrow.source] + 1 for arrow in system.arrows)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_terminals_diagram_fits(registry, width):
    system = explained(registry, *EVERYTHING)
    drawn = diagram(system, width).plain.splitlines()
    assert max(map(len, drawn)) <= width
    for part in system.parts:
        assert any(f"─ {part.title} ─" in line for line in drawn), part.title
    assert sum(line.count("▼") for line in drawn) == len(system.arrows)
    assert sum(line.count("▲") for line in drawn) == sum(len(arrow.gradients) for arrow in system.arrows)
    printed = io.StringIO()
    print_system(system, Console(width=width, file=printed))
    assert all(len(line) <= width for line in printed.getvalue().splitlines())


def test_lines_that_cross():
    canvas = Canvas(9, 5)
    canvas.line(0, 0, 6, 4, 1)
    canvas.line(8, 0, 2, 4, 2)
    assert canvas.text().plain.splitlines() == [
        "│       │",
        "╰─────╮ │",
        "  ╭───┼─╯",
        "  │   │",
        "  │   │",
    ]


def test_the_files_ask_for_nothing(registry):
    system = explained(registry, *EVERYTHING)
    page, svg = to_page(system), to_svg(system)
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert set(re.findall(r"https?://[^\"' <]+", page + svg)) == {"http://www.w3.org/2000/svg"}
    assert len(set(re.findall(r' id="([^"]+)"', page))) == len(re.findall(r' id="([^"]+)"', page))
    for section in system.sections:
        assert section.title in page


def test_colours_can_be_read():
    """Each text colour has a WCAG contrast of at least 4.5 on each background, in the light and the dark theme."""

    def luminance(colour):
        digits = colour * 2 if len(colour) == 3 else colour
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    themes = re.findall(r"\.diagram \{([^}]*--ground[^}]*)\}", style())
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): #(\w+)", theme))
        for ground in ("ground", "raised"):
            for ink in ("ink", "quiet", "real", "fake", "discriminator", "generator"):
                bright, dark = sorted((luminance(colours[ground]), luminance(colours[ink])), reverse=True)
                assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_the_page_in_a_browser(registry, browser, tmp_path, width, scheme):
    (tmp_path / "page.html").write_text(to_page(explained(registry, *EVERYTHING)))
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure > svg:visible:not(.chart)").count() == 1
    size = "svg => [...svg.querySelectorAll('text')].map(t => t.getBoundingClientRect().height)"
    heights = page.locator("figure > svg:visible:not(.chart)").evaluate(size)
    assert min(h for h in heights if h) >= 10  # the text is readable at each width
    overflowing = page.locator("figure > svg:visible:not(.chart)").evaluate(
        "svg => [...svg.querySelectorAll('.part')].filter(g => { const r = g.querySelector('rect').getBBox();"
        " return [...g.querySelectorAll('text')].some(t => t.getBBox().width + t.getBBox().x > r.x + r.width); })"
        ".map(g => g.dataset.part)"
    )
    assert overflowing == []
    faint = "() => getComputedStyle([...document.querySelectorAll('.gradient.discriminator')].pop()).opacity"
    page.keyboard.press("Tab")
    assert page.evaluate(faint) == "1"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("#view-generator").is_checked() and page.evaluate(faint) != "1"
    assert page.locator("text.when-generator:visible").all_text_contents() == ["learns", "frozen"]
    assert said == [] and all(url.startswith("file:") for url in asked)
    page.close()
