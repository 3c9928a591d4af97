"""The distributions under plugins/ that are none of ours: built as wheels, installed beside us, used, removed again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from ganzoo.bench.leaderboard import read_report
from ganzoo.bench.markdown import to_markdown
from ganzoo.bench.record import read_records

ROOT = Path(__file__).parents[1]
SOURCES = sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml"))
NAMES = ["ganzoo-projected", "ganzoo-r3gan", "ganzoo-tensorboard"]
SMALL = ["loop.batch=8", "loop.log_kimg=0.008", "loop.device=cpu", "metrics.names=[]", "generator.width=4"]
SEEN = ["discriminator.backbone=test_resnet", "discriminator.pretrained=false"]
Call = Callable[..., subprocess.CompletedProcess[str]]

# What a plugin needs and is not there is no mistake of the plugin's; all else is.
missing = [name for name, needed in {"ganzoo-tensorboard": "tensorboard"}.items() if not find_spec(needed)]


def install(site: Path, sources: Sequence[Path]) -> None:
    """Build a wheel of each and unpack them, as an installer does."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = site.with_name("wheels")
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, *sources], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", site, *wheels.glob("*.whl")], check=True)


def remove(site: Path, name: str) -> None:
    """Take away what the installer's list names."""
    (found,) = distributions(name=name, path=[str(site)])
    for file in found.files or []:
        Path(str(found.locate_file(file))).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheels of all of them are installed."""
    folder = tmp_path_factory.mktemp("apart") / "site"
    install(folder, SOURCES)
    return folder


@pytest.fixture
def ganzoo(site: Path, tmp_path: Path) -> Call:
    """Run the command line in a process that has them installed; a plugin that fails is an error."""

    def call(*arguments: object, at: Path = site, code: int = 0) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(at), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "GANZOO_STRICT": "" if missing else "1"}
        done = subprocess.run(
            [sys.executable, "-m", "ganzoo", *map(str, arguments)],
            capture_output=True, text=True, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    return call


def test_none_of_them_is_part_of_ours() -> None:
    assert [source.name for source in SOURCES] == NAMES
    ours = (ROOT / "pyproject.toml").read_text()
    for source in SOURCES:
        assert source.name not in ours and source.name.replace("-", "_") not in ours


def test_they_are_listed_and_explained(ganzoo: Call) -> None:
    listed = ganzoo("list").stdout
    assert all(f"\n  {name} " in listed for name in ("projected", "r3gan", "dcgan"))
    plugins = ganzoo("plugins").stdout
    assert "ganzoo-tensorboard 0.1.0  tensorboard\n  hook checkpoint_written\n" in plugins
    assert "failed" not in plugins
    assert "from ganzoo-r3gan 0.1.0" in ganzoo("info", "r3gan").stdout
    assert "marked on the leaderboard: ImageNet features" in ganzoo("info", "projected").stdout


def test_they_train_with_ours_and_with_each_other_in_a_grid(ganzoo: Call, tmp_path: Path) -> None:
    def grid(name: str, recipes: Sequence[str], settings: Sequence[str]) -> None:
        options = [*(f"--recipe={recipe}" for recipe in recipes), *(f"--set={setting}" for setting in settings)]
        ganzoo("bench", "--name", name, "--kimg", 0.016, "--results", "results", *options)

    grid("own", ["r3gan+relativistic+r1+r2", "projected/r3gan+wgan-gp"], [*SMALL, "discriminator.width=4"])
    grid("seen", ["r3gan/projected+hinge+diffaug"], [*SMALL, *SEEN])
    records = {record.recipe: record for record in read_records(tmp_path / "results")}
    assert {recipe: (record.status, record.reason) for recipe, record in records.items()} == dict.fromkeys(
        ("projected/r3gan+wgan-gp", "r3gan+relativistic+r1+r2", "r3gan/projected+hinge+diffaug"), ("done", "")
    )
    both = records["r3gan/projected+hinge+diffaug"]
    assert both.plugins.keys() == {"ganzoo", "ganzoo-projected", "ganzoo-r3gan"}
    assert both.marks == []  # a random backbone has seen nothing
    if "ganzoo-tensorboard" not in missing:
        assert len(list(tmp_path.glob("runs/bench/**/events.out.tfevents.*"))) == 3
    board = to_markdown(read_report(tmp_path / "results", tmp_path / "none"), tmp_path)
    assert all(f"`{recipe}`" in board for recipe in records)


def test_one_of_them_is_removed_and_the_rest_works(ganzoo: Call, site: Path, tmp_path: Path) -> None:
    some = Path(shutil.copytree(site, tmp_path / "some"))
    remove(some, "ganzoo-projected")
    listed = ganzoo("list", at=some).stdout
    assert "\n  r3gan " in listed and "projected" not in listed
    gone = ganzoo("run", "r3gan/projected+hinge", at=some, code=2).stderr
    assert "unknown architecture 'projected'" in gone
    ganzoo("run", "r3gan+hinge", *SMALL, "loop.kimg=0.016", "--out", "run", at=some)
    assert '"ganzoo-r3gan": "0.1.0"' in (tmp_path / "run/provenance.json").read_text()
    if "ganzoo-tensorboard" not in missing:
        assert list((tmp_path / "run").glob("events.out.tfevents.*"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_each_passes_its_own_tests(source: Path, site: Path) -> None:
    if source.name in missing:
        pytest.skip(f"what {source.name} needs is not installed")
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(pytest_, capture_output=True, text=True, cwd=source, env=environment)
    assert done.returncode == 0, done.stdout[-3000:]
