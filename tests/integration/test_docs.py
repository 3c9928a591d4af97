"""The pages under ``docs/``: every hook has a page, every example works, generated pages are current."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image
from support.fresh import fresh_environment, write_script

import ganzoo
from ganzoo import hookspecs
from ganzoo.plugin.registry import REGISTRATION, Registry

DOCS = Path(__file__).parents[2] / "docs"
HOOKS = [name for name, f in inspect.getmembers(hookspecs, inspect.isfunction) if hasattr(f, "ganzoo_spec")]
PAGES = {page.stem: page.read_text() for page in (DOCS / "hooks").glob("[a-z]*.md")}


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_hook_has_a_page_that_the_index_names():
    index = (DOCS / "hooks" / "README.md").read_text()
    assert set(PAGES) == set(HOOKS) == set(re.findall(r"^\| \[(\w+)\]\(\1\.md\)", index, re.M))


@pytest.mark.parametrize("name", HOOKS)
def test_the_page_of_a_hook_names_all_that_it_takes(name):
    rows = re.findall(r"^\| `(\w+)` \|", PAGES[name], re.M)
    if name not in REGISTRATION:
        assert rows == list(inspect.signature(getattr(hookspecs, name)).parameters)
    else:
        entry = REGISTRATION[name]
        # The registry sets the owner.
        assert rows == [field.name for field in dataclasses.fields(entry) if field.name != "owner"]


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_a_hook_implements_it(name, tmp_path, monkeypatch):
    file = tmp_path / f"example_{name}.py"
    file.write_text(PAGES[name].split("```python\n")[1].partition("```")[0])
    module = load(file)
    registry = Registry(strict=True)
    report = registry.add(lambda: module, name, "example", "1.0")
    assert report.hooks == [name]
    assert [kind for kind, _ in report.registered] == ([REGISTRATION[name].kind] if name in REGISTRATION else [])
    (tmp_path / "kimg1").mkdir()
    arguments = {
        "config": {"recipe": "dcgan+hinge", "seed": 0},
        "record": {"kimg": 1.0, "auc": 0.9},
        "checkpoint": tmp_path / "kimg1",
        "kimg": 1.0,
        "score": {},
        "image": Image.new("L", (8, 8)),
        "reason": "interrupted",
    }
    if name not in REGISTRATION:
        takes = inspect.signature(getattr(hookspecs, name)).parameters
        assert not registry.notify(name, run=tmp_path, **{key: arguments[key] for key in takes if key != "run"})
        assert any(path.suffix == ".txt" for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["catalogue", pytest.param("breaking", marks=pytest.mark.long), "reference", "conformance", "lesson"]
)
def test_generated_pages_are_current(name):
    maker = load(DOCS / f"make_{name}.py")
    assert maker.page() == maker.FILE.read_text(), f"run: python docs/make_{name}.py"


def test_the_catalogue_has_every_part(registry):
    page = (DOCS / "catalogue.md").read_text()
    for kind in ("architecture", "loss", "penalty", "augmentation", "step", "optimizer", "dataset", "metric"):
        for name, entry in registry.entries[kind].items():
            if entry.owner.distribution == "ganzoo":
                assert f"### {name}\n" in page


def test_ways_to_break_a_plugin():
    page = (DOCS / "breaking.md").read_text()
    ways = len(re.findall(r"^## ", page, re.M))
    assert ways >= 23
    assert {int(number) for number in re.findall(r"^\| \[(\d+)\.", page, re.M)} == set(range(1, ways + 1))


def test_the_reference_describes_every_field():
    """The field is in the section of its class or, if all entries share it, in the section ``Entry``."""
    sections = dict(
        re.findall(r"^### (\w+)\n\n(.*?)(?=^###? |\Z)", (DOCS / "reference.md").read_text(), re.DOTALL | re.M)
    )
    entries = sections["Entry"]
    assert {cls.__name__ for cls in REGISTRATION.values()} | {
        "Generator",
        "Discriminator",
        "PenaltyInputs",
        "TrainingStep",
    } <= set(sections)
    for name, section in sections.items():
        header, text = section.split("```\n", 1)
        if "@dataclass" in header and name != "PenaltyParams":  # the fields of PenaltyParams have help texts
            for field in re.findall(r"^    (\w+): ", header, re.M):
                assert f"`{field}`" in text or (name.endswith("Entry") and f"`{field}`" in entries), f"{name}.{field}"


@pytest.fixture
def shell(tmp_path):
    """A function that runs a script in a fresh environment and returns its exit code, output and final directory; and
    an empty directory to run it in."""
    directory = tmp_path / "empty"
    directory.mkdir()
    source = Path(ganzoo.__file__).parents[1]
    environment = fresh_environment(tmp_path / "venv", source, source / "plugins")
    write_script(tmp_path / "venv", "ganzoo", "-m ganzoo")

    def run(script: str, cwd: Path) -> tuple[int, str, Path]:
        script = f"{script}\npwd > '{tmp_path}/pwd'\n"
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=cwd,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return (
            done.returncode,
            done.stdout,
            Path((tmp_path / "pwd").read_text().strip()) if not done.returncode else cwd,
        )

    return run, directory


@pytest.mark.long
def test_the_tutorial_works_to_the_letter(shell):
    run, here = shell
    blocks = re.findall(r"(?:^`([\w./]+)`\n)?```(\w+)\n(.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL | re.M)
    assert [kind for _, kind, _ in blocks].count("sh") == 7
    for (file, kind, content), (_, after, expected) in zip(blocks, [*blocks[1:], ("", "", "")], strict=True):
        if file:
            (here / file).write_text(content)
        elif kind == "sh":
            code, output, here = run(content, here)
            expected = expected if after == "text" else ""
            assert (code != 0) == ("FAILED" in expected), f"{content}\n{output}"
            for line in expected.splitlines():
                assert line in output, f"{content}\n{output}"
    assert (here / "first/score.json").exists()
    assert '"ganzoo-soft-hinge": "0.1.0"' in (here / "first/provenance.json").read_text()
