"""Names of runs, plugins and records that contain markup, on every page, card and terminal line.

Each page is made once with harmless names and once with each hostile name. It must consist of the same elements.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from bad_checkpoints import CPU, trained
from cases import Case, zoo
from markdown_it import MarkdownIt
from rich.console import Console

from ganzoo import LossEntry, hookimpl
from ganzoo.bench.leaderboard import markdown, page
from ganzoo.bench.leaderboard.board import Report, make_report
from ganzoo.bench.leaderboard.published import Figure, Published
from ganzoo.bench.record import Hardware, Record, read_record
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_generator
from ganzoo.runs.reader import Facts
from ganzoo.utils.files import one_line
from ganzoo_explain.describe import describe
from ganzoo_explain.page import to_page as to_explanation
from ganzoo_explain.svg import to_svg
from ganzoo_explain.system import System
from ganzoo_explain.terminal import print_system
from ganzoo_hub import publish as publication
from ganzoo_hub.card import Facts as CardFacts
from ganzoo_hub.card import write_card
from ganzoo_play import write as play
from ganzoo_play.player import Player
from ganzoo_report import page as report
from ganzoo_report.compare.page import to_page as to_comparison
from ganzoo_report.compare.runs import Run
from ganzoo_report.compare.terminal import print_runs
from ganzoo_report.story import Story

RECORD = sorted((Path(__file__).parents[1] / "results").rglob("*--s0.json"))[0]
HARMLESS = "harmless words, as many as (a name) has; here and there more"
RICH = "[red]"
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</title></style></textarea><img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "[a](javascript:alert(1)) ![b](http://example.com/c) `d` **e** <http://example.com> | f",
    "a\n\n# heading\n\n- item\n\n> quote\n\n---\n",
    "```\ncode\n```",
    "$libraries ${style} {{constructor}}",
    "[red]a[/red] [link=http://example.com]b[/link] [/]",
    "\x1b[31mred\x07 \x9b31m \u202eesrever",
)
MARKUP = {"link_open", "image", "html_block", "html_inline", "heading_open", "list_item_open", "fence", "hr", "tr_open",
          "td_open", "blockquote_open", "table_open"}  # fmt: skip


class _Elements(HTMLParser):
    """The elements, attribute names, link targets and number of scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.scripts = 0
        self.feed(text)
        self.close()
        self.found.add(f"{self.scripts} scripts")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.found |= {f"<{tag}>", *(f"{name}=" for name, _ in attrs)}
        self.found |= {f"to {(value or '')[:11]}" for name, value in attrs if name in ("href", "src", "action")}


def of_html(text: str) -> set[str]:
    return _Elements(text).found


def of_markdown(text: str) -> set[str]:
    """Return the counts of all Markdown elements that are more than text, without the front matter.

    Tables count too, as in GitHub's Markdown.
    """
    body = text.split("---\n", 2)[2] if text.startswith("---\n") else text
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    inner = [child.type for token in tokens for child in token.children or ()]
    kinds = Counter(kind for kind in [*(token.type for token in tokens), *inner] if kind in MARKUP)
    return {f"{count} {kind}" for kind, count in kinds.items()}


def of_terminal(text: str) -> set[str]:
    """Return the characters that could control a terminal: unprintable ones, except line breaks."""
    return {repr(character) for character in text if not character.isprintable() and character != "\n"}


def _feed(make: Callable[[str], str], built_of: Callable[[str], set[str]], place: Path) -> str:
    expected = built_of(make(HARMLESS))
    for name in HOSTILE:
        text = make(name)
        if more := built_of(text) - expected:
            raise AssertionError(f"{name!r} makes {sorted(more)} of it")
        if built_of is of_terminal and RICH in name and RICH not in text:
            raise AssertionError(f"{name!r} is read as rich's markup")
    return f"{len(HOSTILE)} hostile names, each of them text"


def _facts(name: str) -> Facts:
    """Return all that a report reads from a run's directory, with ``name`` for every text."""
    log = tuple({"kimg": float(place), "loss_generator": 1.0, "seconds": 5.0, name: 1.0} for place in range(1, 4))
    return Facts(
        path=Path("/runs") / name,
        log=log,
        scores=({"kimg": 1.0, "fid": 5.0, name: 2.0},),
        config={"recipe": name, "seed": name, "data": {"name": name}, "loop": {"kimg": 10}, name: {name: name}},
        config_text=name,
        provenance={
            "device": name,
            "python": name,
            "data": {"name": name},
            "versions": {name: name},
            "plugins": {name: name},
        },
    )


@contextlib.contextmanager
def _without_libraries() -> Iterator[None]:
    """Leave out the charts' scripts, which are large and the same on every page."""
    with patch.object(report, "libraries", lambda: ""), patch.object(page, "libraries", lambda: ""):
        yield


def _report(name: str) -> str:
    with _without_libraries():
        return report.to_page(_facts(name), Story((), None))


def _runs(name: str) -> list[Run]:
    return [Run(name, _facts(name), Story((), None), {"reference": name}), Run("b", _facts("b"), Story((), None), {})]


def _comparison(name: str) -> str:
    with _without_libraries():
        return to_comparison(_runs_as_read(name))


def _runs_as_read(name: str) -> list[Run]:
    """Return the runs with names made as :func:`ganzoo_report.compare.runs.read_runs` makes them."""
    return [replace(one, name=one_line(one.name)) for one in _runs(name)]


def _leaderboard(name: str) -> Report:
    """Return a leaderboard with a row, a failed row and published figures, with ``name`` for every text."""
    first: Record = read_record(RECORD)
    hardware = Hardware(name, name, 2, 2, 8192)
    protocol = {**first.protocol, "reference": name, "split": name, "classes": name, "grey": name}
    told: dict[str, Any] = {"recipe": name, "architecture": name, "loss": name, "data": name, "command": name,
                            "hardware": hardware, "marks": [name], "samples": None}  # fmt: skip
    done = replace(first, protocol=protocol, **told)
    failed = replace(first, status="failed", reason=name, scores={}, protocol={}, weights=None, seed=1, **told)
    figures = [Published(name, name, [Figure(name, name, 1.0, note=name)], note=name)]
    return make_report([(Path("a.json"), done), (Path("b.json"), failed)], figures, [name])


def _leaderboard_page(name: str) -> str:
    with _without_libraries():
        return page.to_page(_leaderboard(name))


def _leaderboard_markdown(name: str) -> str:
    return markdown.to_markdown(_leaderboard(name), Path())


@cache
def _system(name: str) -> System:
    """Return a system with a stranger's loss, whose plugin has ``name`` for every text."""
    known = zoo().entries["loss"]["minimax"]
    assert isinstance(known, LossEntry)
    entry = replace(known, name="strange", summary=name, paper=name, formula=f"D: {name}; G: {name}")
    registry = Registry.load(strict=True)
    hook = hookimpl(lambda register: register(entry), specname="register_losses")
    registry.add(lambda: SimpleNamespace(register_losses=hook), "strange", name, name)
    settings = ["generator.width=16", "discriminator.width=16"]
    return describe(resolve(registry, "mlp+strange", None, settings), [f"data.name={name}"])


def _play(name: str) -> str:
    """Return the page of ganzoo play. Its other files are the same for every run."""
    generator = load_generator(zoo(), trained(), "latest", CPU)
    player = Player(name, name, name, generator, (name,) * 10, None)
    data = {**player.data(), "classes": [name]}
    made = play.to_page([player.recipe], [data])
    (told,) = json.loads(made.partition('id="runs">')[2].partition("</script>")[0])
    if told["classes"] != [name] or told["name"] != name:
        raise AssertionError(f"{name!r} is not what the page is told")
    return made


@cache
def _card_facts() -> CardFacts:
    told: list[CardFacts] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        patch.object(publication, "write_card", lambda f: told.append(f) or ""),
    ):
        publication.write_publication(zoo(), trained(), "latest", "hf://a/b", Path(scratch) / "card")
    return told[0]


def _card(name: str) -> str:
    facts = _card_facts()
    loss = replace(facts.config.recipe.loss, paper=name)
    needs = tuple(replace(need, name=name, distribution=name, version=name) for need in facts.needs)
    return write_card(
        replace(
            facts,
            config=replace(facts.config, recipe=replace(facts.config.recipe, loss=loss)),
            needs=needs,
            score={"values": {name: 1.0}, "protocol": {name: name, "metrics": {name: [name]}}},
            origin={"device": name, "versions": {name: name}, "data": {"name": name}},
            repeat=f"ganzoo run {name}",
        )
    )


def _warned(name: str) -> str:
    return _printed(lambda console: Display(console).warn(name))


def _error(name: str) -> str:
    return str(GanzooError(f"{name} cannot be read"))


def _compared(name: str) -> str:
    return _printed(lambda console: print_runs(_runs_as_read(name), console))


def _explained(name: str) -> str:
    return _printed(lambda console: print_system(_system(name), console))


def _printed(show: Callable[[Console], object]) -> str:
    """Return what is printed to a terminal without colours."""
    stream = io.StringIO()
    show(Console(file=stream, width=200, no_color=True))
    return stream.getvalue()


def cases() -> Sequence[Case]:
    """Return all cases of this file."""

    def case(what: str, make: Callable[[str], str], built_of: Callable[[str], set[str]]) -> Case:
        return Case(what, partial(_feed, make, built_of))

    return [
        case("report.html: recipe, run, data, seed, settings, device, versions, names of figures", _report, of_html),
        case("page of ganzoo compare: the same, of two runs", _comparison, of_html),
        case(
            "leaderboard.html: recipe, data, hardware, marks, reason, command, protocol, others' figures, warnings",
            _leaderboard_page,
            of_html,
        ),
        case("LEADERBOARD.md: the same", _leaderboard_markdown, of_markdown),
        case(
            "page of ganzoo explain: a plugin's name, version, summary, paper, formula; the command",
            lambda name: to_explanation(_system(name)),
            of_html,
        ),
        case("its SVG", lambda name: to_svg(_system(name)), of_html),
        case("page of ganzoo play: recipe, directory, class names", _play, of_html),
        case("model card: plugins' names, versions and papers, scores, protocol, device, command", _card, of_markdown),
        case("terminal: a warning", _warned, of_terminal),
        case("terminal: an error", _error, of_terminal),
        case("terminal: ganzoo compare", _compared, of_terminal),
        case("terminal: ganzoo explain", _explained, of_terminal),
    ]
