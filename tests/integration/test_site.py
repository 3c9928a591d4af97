"""The documentation site: each page is in the navigation, and `ganzoo` can parse each command on a page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from support.pages import commands_of

from ganzoo.cli.commands import app
from ganzoo.config.resolve import resolve

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TAKE_SETTINGS = {"run", "explain", "resume", "eval"}
OWN_PARTS = {"tutorial.md", "research.md"}  # their commands use plugins written on the page; other tests run them


class Lenient(yaml.SafeLoader):
    """A YAML loader for mkdocs.yml that replaces its Python objects with None."""


Lenient.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def pages_of(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in entries for page in pages_of(entry)]


def without_plugins(words: list[str]) -> list[str]:
    """Leave out ``--plugin FILE``, which every command takes."""
    return [word for i, word in enumerate(words) if word != "--plugin" and words[i - 1 : i] != ["--plugin"]]


def parse(words: list[str]) -> click.Context:
    """Parse a command line as ganzoo does, without running it. Raises click.ClickException or GanzooError."""
    command: click.Command | None = app
    context, name = click.Context(app, info_name="ganzoo"), "ganzoo"
    words = without_plugins(words)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found, command, words = command.resolve_command(context, words)
        assert command is not None
        name = found or name
    assert command is not None
    return command.make_context(name, list(words), parent=context)


def settings_of(given: dict[str, Any]) -> tuple[str | None, Path | None, list[str]]:
    """Return the recipe, the settings file and the settings of a command; the name of a run gives its recipe."""
    if "run" in given:
        name = re.fullmatch(r"runs/(.+)-\d{3}", str(given["run"]))
        return name[1] if name else "dcgan+wgan-gp", None, list(given["settings"])
    words = [word for word in (given["recipe"], *given["settings"]) if word]
    recipe = words.pop(0) if words and "=" not in words[0] else None  # not in `ganzoo run --config FILE KEY=VALUE`
    return recipe, given.get("config"), words


PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_each_page_is_in_the_navigation_once():
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Lenient)  # noqa: S506
    assert sorted(pages_of(config["nav"])) == PAGES


def test_the_site_loads_nothing_from_elsewhere():
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Lenient)  # noqa: S506
    assert config["theme"]["font"] is False
    assert not any("://" in path for path in [*config["extra_css"], *config.get("extra_javascript", [])])
    assert not re.search(r"url\(|@import", (DOCS / "assets/site.css").read_text())


@pytest.mark.parametrize("page", [*PAGES, "../README.md"])
def test_the_commands_of_a_page_parse(page, registry, monkeypatch):
    monkeypatch.chdir(ROOT)
    for words in commands_of((DOCS / page).read_text()):
        said = shlex.join(["ganzoo", *words])
        try:
            context = parse(words)
            if context.info_name in TAKE_SETTINGS and page not in OWN_PARTS and "--plugin" not in words:
                recipe, file, settings = settings_of(context.params)
                if file is None or file.is_file():  # a missing file is one that readers write themselves
                    resolve(registry, recipe, file, settings)
        except Exception as error:
            pytest.fail(f"{page}: {said}: {error}")


@pytest.mark.parametrize(
    "line",
    [
        "ganzoo rnu dcgan+wgan-gp",
        "ganzoo run dcgan+wgan-gp --no-such-option",
        "ganzoo eval",
        "ganzoo bench verifi RECORD",
        "ganzoo sample RUN -n many",
    ],
)
def test_a_wrong_command_is_found(line):
    [words] = commands_of(f"```sh\n{line}\n```\n")
    with pytest.raises(Exception, match=r"No such|unknown command|Missing|not a valid"):
        parse(words)


def test_commands_are_found_among_others():
    text = "```sh\ncd x && A=1 ganzoo list | head  # ganzoo info\nganzoo run a+b \\\n  --dry-run\n```\n"
    marked = "<!-- not run: it needs a cluster -->\n```sh\nganzoo nothing\n```\n```text\nganzoo: an error\n```\n"
    inside = "1. An item:\n\n   ```sh\n   ganzoo runs\n   ```\n"
    assert commands_of(text + marked + inside) == [["list"], ["run", "a+b", "--dry-run"], ["runs"]]
