"""The distributions under plugins/ that are none of ours: wheels beside ours in a fresh environment, used, removed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.fresh import ROOT, fresh_environment

from ganzoo.bench.leaderboard.board import read_report
from ganzoo.bench.leaderboard.markdown import to_markdown
from ganzoo.bench.record import read_records
from ganzoo_fidelity.network import PACKAGE

SOURCES = sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml"))
NAMES = ["ganzoo-projected", "ganzoo-r3gan", "ganzoo-tensorboard"]
THIN = ["generator.width=4", "discriminator.width=4"]
SMALL = [*THIN, "loop.batch=8", "loop.log_kimg=0.008", "loop.device=cpu"]
UNSCORED = "metrics.names=[]"
SEEN = ["discriminator.backbone=test_resnet", "discriminator.pretrained=false"]
EVENTS = find_spec("tensorboard") is not None  # what a plugin needs and is not there is no mistake of the plugin's
SCORED = find_spec(PACKAGE) is not None
Call = Callable[..., str]
BUILD = """
import os, sys
from hatchling.build import build_wheel
for source in sys.argv[2:]:
    os.chdir(source)
    build_wheel(sys.argv[1])
"""


def test_none_of_them_is_part_of_ours() -> None:
    assert [source.name for source in SOURCES] == NAMES
    ours = (ROOT / "pyproject.toml").read_text()
    for source in SOURCES:
        assert source.name not in ours and source.name.replace("-", "_") not in ours


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Run a command in a fresh environment; what it printed. Exit codes other than ``code`` fail the test."""
    environment = fresh_environment(tmp_path / "venv")
    environment["GANZOO_STRICT"] = "1" if EVENTS else ""

    def run(*arguments: object, code: int = 0) -> str:
        done = subprocess.run(list(map(str, arguments)), cwd=tmp_path, env=environment, text=True, capture_output=True)
        assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.mark.long
def test_only_wheels_from_installing_to_removing(call: Call, tmp_path: Path) -> None:
    _build([ROOT, *SOURCES], tmp_path / "wheels")

    _install(call, tmp_path, "ganzoo-0")
    place = "import ganzoo; print(ganzoo.__file__)"
    assert call("python", "-c", place).startswith(str(tmp_path / "venv"))
    listed = call("ganzoo", "list")
    assert "\n  dcgan " in listed and "projected" not in listed

    _install(call, tmp_path, "ganzoo_")
    listed = call("ganzoo", "list")
    for name in ("projected", "r3gan"):
        assert f"ganzoo-{name}" in next(line for line in listed.splitlines() if line.startswith(f"  {name} "))
    plugins = call("ganzoo", "plugins")
    if EVENTS:
        assert "ganzoo-tensorboard 0.1.0  tensorboard\n  hook checkpoint_written\n" in plugins
        assert "failed" not in plugins
    assert "from ganzoo-r3gan 0.1.0" in call("ganzoo", "info", "r3gan")
    assert "marked on the leaderboard: ImageNet features" in call("ganzoo", "info", "projected")

    _train_in_a_grid(call, tmp_path)
    _check(call)

    call("pip", "uninstall", "--yes", "ganzoo-projected")
    listed = call("ganzoo", "list")
    assert "\n  r3gan " in listed and "projected" not in listed
    assert "unknown architecture 'projected'" in call("ganzoo", "run", "r3gan/projected+hinge", code=2)
    call("ganzoo", "run", "r3gan+hinge", *SMALL, UNSCORED, "loop.kimg=0.016", "--out", "run")
    assert '"ganzoo-r3gan": "0.1.0"' in (tmp_path / "run/provenance.json").read_text()
    assert bool(list((tmp_path / "run").glob("events.out.tfevents.*"))) == EVENTS


def _build(sources: Sequence[Path], wheels: Path) -> None:
    """All in one process: ``pip wheel`` calls the same function, after starting three for each source."""
    wheels.mkdir()
    subprocess.run([sys.executable, "-c", BUILD, wheels, *sources], check=True, stdout=subprocess.DEVNULL)


def _install(call: Call, directory: Path, beginning: str) -> None:
    """The wheels whose names begin so; what they depend on is there."""
    found = sorted((directory / "wheels").glob(f"{beginning}*.whl"))
    call("pip", "install", "--quiet", "--no-deps", "--ignore-installed", *found)


def _train_in_a_grid(call: Call, directory: Path) -> None:
    """With our losses, penalties and augmentations, and with each other."""

    def grid(name: str, recipes: Sequence[str], *settings: str) -> None:
        options = [*(f"--recipe={recipe}" for recipe in recipes), *(f"--set={setting}" for setting in settings)]
        call("ganzoo", "bench", "--name", name, "--kimg", 0.016, "--results", "results", *options)

    own, mixed, seen = "r3gan+relativistic+r1+r2", "projected/r3gan+wgan-gp", "r3gan/projected+hinge+diffaug"
    grid("own", [own, mixed], *SMALL, "metrics.fakes=8" if SCORED else UNSCORED)
    grid("seen", [seen], *SMALL, UNSCORED, *SEEN)
    records = {record.recipe: record for record in read_records(directory / "results")}
    told = {recipe: (record.status, record.reason, "fid" in record.scores) for recipe, record in records.items()}
    assert told == {own: ("done", "", SCORED), mixed: ("done", "", SCORED), seen: ("done", "", False)}
    assert records[seen].plugins.keys() == {"ganzoo", "ganzoo-projected", "ganzoo-r3gan"}
    assert records[seen].marks == []  # a random backbone has seen nothing
    assert len(list(directory.glob("runs/bench/**/events.out.tfevents.*"))) == (3 if EVENTS else 0)
    board = to_markdown(read_report(directory / "results", directory / "none"), directory)
    on_board = {recipe for recipe in records if f"`{recipe}`" in board}
    assert on_board == ({seen} if SCORED else set(records))  # scored against the images it saw, a row stays off


def _check(call: Call) -> None:
    thin = [f"--set={setting}" for setting in THIN]
    others = ["ganzoo-r3gan", *(["ganzoo-tensorboard"] if EVENTS else [])]
    verdict = call("ganzoo", "plugins", "check", *others, *thin)
    assert verdict.count(" conforms: ") == len(others)
    seen = [f"--set={setting}" for setting in SEEN]
    assert " conforms: " in call("ganzoo", "plugins", "check", "ganzoo-projected", *thin, *seen)
