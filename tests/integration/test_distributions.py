"""The separate distributions under plugins/: wheels that are installed beside ganzoo's, used and uninstalled."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
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
EVENTS = find_spec("tensorboard") is not None  # ganzoo-tensorboard cannot load without it
SCORED = find_spec(PACKAGE) is not None
MOST_MIB = 25  # of ganzoo's wheel; fashion-10k, its statistics and the runtime of `ganzoo play` take 15
MOST_WEIGHTS_MIB = 8  # of the trained generators in the wheel
LEFT_BESIDE = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
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
    """A function that runs a command in a fresh environment, asserts its exit code and returns what it printed."""
    environment = fresh_environment(tmp_path / "venv")
    environment["GANZOO_STRICT"] = "1" if EVENTS else ""

    def run(*arguments: object, code: int = 0) -> str:
        done = subprocess.run(list(map(str, arguments)), cwd=tmp_path, env=environment, text=True, capture_output=True)
        assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheels of ganzoo and of each separate distribution."""
    directory = tmp_path_factory.mktemp("built") / "wheels"
    _build([ROOT, *SOURCES], directory)
    return directory


@pytest.mark.long
def test_our_wheel_holds_what_runs_need_and_nothing_else(wheels: Path) -> None:
    (file,) = wheels.glob("ganzoo-0*.whl")
    assert file.stat().st_size < MOST_MIB * 2**20
    with zipfile.ZipFile(file) as wheel:
        names = wheel.namelist()
        packed = [member for member in wheel.infolist() if member.filename.startswith("ganzoo_pretrained/weights/")]
        index = json.loads(wheel.read("ganzoo_pretrained/weights/index.json"))
        (metadata,) = (wheel.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
        (points,) = (wheel.read(name).decode() for name in names if name.endswith(".dist-info/entry_points.txt"))
    held = {member.filename.split("/")[2] for member in packed if member.filename.endswith("/ema.safetensors")}
    assert held == {item["run"] for item in index} and len(index) == len(held) > 1
    assert sum(member.file_size for member in packed) < MOST_WEIGHTS_MIB * 2**20
    tops = {name.partition("/")[0] for name in names}
    packages = {path.parent.name for path in (ROOT / "plugins").glob("ganzoo_*/__init__.py")}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ganzoo", *packages}
    tracked = {"ganzoo": ROOT / "ganzoo", **{package: ROOT / "plugins" / package for package in packages}}
    for package, directory in tracked.items():
        expected = {f"{package}/{path.relative_to(directory).as_posix()}" for path in _source_files(directory)}
        assert {name for name in names if name.startswith(f"{package}/")} == expected
        assert f"{package}/py.typed" in expected
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "# ganzoo" in metadata.partition("\n\n")[2] and "ganzoo = ganzoo.cli.main:main" in points


def _source_files(directory: Path) -> list[Path]:
    """Return the files of a package, without the caches that Python and the tools write."""
    return [path for path in directory.rglob("*") if path.is_file() and not LEFT_BESIDE & set(path.parts)]


@pytest.mark.long
def test_only_wheels_from_installing_to_removing(call: Call, tmp_path: Path, wheels: Path) -> None:
    _install(call, wheels, "ganzoo-0")
    place = "import ganzoo; print(ganzoo.__file__)"
    assert call("python", "-c", place).startswith(str(tmp_path / "venv"))
    listed = call("ganzoo", "list")
    assert "\n  dcgan " in listed and "projected" not in listed

    _install(call, wheels, "ganzoo_")
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
    """Build all wheels in one process. ``pip wheel`` calls the same function, but starts more processes."""
    wheels.mkdir()
    subprocess.run([sys.executable, "-c", BUILD, wheels, *sources], check=True, stdout=subprocess.DEVNULL)


def _install(call: Call, wheels: Path, beginning: str) -> None:
    """Install the wheels whose names start with ``beginning``. Their dependencies are already installed."""
    found = sorted(wheels.glob(f"{beginning}*.whl"))
    call("pip", "install", "--quiet", "--no-deps", "--ignore-installed", *found)


def _train_in_a_grid(call: Call, directory: Path) -> None:
    """Train the plugins with each other and with ganzoo's losses, penalties and augmentations."""

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
    assert records[seen].marks == []  # a random backbone is not pretrained
    assert len(list(directory.glob("runs/bench/**/events.out.tfevents.*"))) == (3 if EVENTS else 0)
    board = to_markdown(read_report(directory / "results", directory / "none"), directory)
    on_board = {recipe for recipe in records if f"`{recipe}`" in board}
    assert on_board == ({seen} if SCORED else set(records))  # scores against training images are left out


def _check(call: Call) -> None:
    thin = [f"--set={setting}" for setting in THIN]
    others = ["ganzoo-r3gan", *(["ganzoo-tensorboard"] if EVENTS else [])]
    verdict = call("ganzoo", "plugins", "check", *others, *thin)
    assert verdict.count(" conforms: ") == len(others)
    seen = [f"--set={setting}" for setting in SEEN]
    assert " conforms: " in call("ganzoo", "plugins", "check", "ganzoo-projected", *thin, *seen)
