"""Paths that are not runs are recognised, and no command changes them."""

from __future__ import annotations

import shutil

import pytest
from rich.console import Console
from support.runs import start

from ganzoo.cli.main import main
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.runs.run_path import is_checkpoint, is_run

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def finished(registry, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    settings = ["generator.width=8", "discriminator.width=8", "loop.batch=16", "loop.kimg=0.032", "loop.device=cpu",
                "metrics.names=[]"]  # fmt: skip
    config = resolve(registry, "mlp+minimax", None, settings)
    for name in ("a", "b", "c", "d"):
        start(registry, config, Display(Console(quiet=True)), out=place / name)
    return place


@pytest.fixture
def runs(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def contents(place):
    return {path: path.read_bytes() if path.is_file() else None for path in place.rglob("*")}


COMMANDS = {
    "resume": [],
    "sample": [],
    "eval": [],
    "export": ["--format", "torch"],
    "interpolate": ["--seeds", "1,2"],
    "report": [],
    "watch": [],
    "compare": [],
    "play": ["--out", "page"],
    "push": ["alice/set"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "a/checkpoints/kimg000000.032",
            "a checkpoint of runs/a; name that run (eval, sample",
        ),
        ("a/checkpoints", "a directory in the run runs/a; name that run"),
        ("a/samples", "a directory in the run runs/a; name that run"),
        ("a/config.yaml", "a file in the run runs/a; name that run"),
        ("a/checkpoints/kimg000000.032/ema.safetensors", "a file in the run runs/a; name that run"),
        ("", "it holds runs; name one of them: a, b, c and 1 more"),
        ("e", "it does not exist"),
        ("a/nothing", "it does not exist"),
    ],
)
def test_every_command_says_what_was_meant_and_touches_nothing(runs, capsys, command, path, says):
    before = contents(runs)
    others = [str(runs / "b")] if command == "compare" else []
    with pytest.raises(SystemExit) as left:
        main([command, str(runs / path), *others, *COMMANDS[command]])
    error = capsys.readouterr().err
    assert left.value.code == 2 and "is not a run directory: " in error and says in error and error.count("\n") == 1
    assert contents(runs) == before


def test_a_checkpoint_alone_is_recognised(runs, tmp_path, capsys):
    shutil.copytree(runs / "a/checkpoints/kimg000000.032", tmp_path / "alone/kept")
    assert is_checkpoint(tmp_path / "alone/kept") and not is_run(tmp_path / "alone/kept")
    for command in ("resume", "sample"):
        with pytest.raises(SystemExit):
            main([command, str(tmp_path / "alone/kept")])
        assert "it is a checkpoint without its run" in capsys.readouterr().err


def test_a_persons_own_config_is_no_run(tmp_path, capsys, monkeypatch):
    """A config.yaml alone is not a run, even if it names a recipe: training would fill a user's own directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("recipe: mlp+minimax\nloop: {kimg: 0.016}\n")
    with pytest.raises(SystemExit) as left:
        main(["resume", "."])
    assert left.value.code == 2 and "no run was begun in it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_config_edited_on_purpose_is_still_that_of_a_run(runs):
    config = runs / "a/config.yaml"
    config.write_text(config.read_text().partition("\n")[2])
    assert is_run(runs / "a")


@pytest.mark.parametrize("option", ["--init-from", "--out"])
def test_starting_from_or_in_a_checkpoint_is_refused(runs, capsys, option):
    before, checkpoint = contents(runs), runs / "a/checkpoints/kimg000000.032"
    with pytest.raises(SystemExit) as left:
        main(["run", "mlp+minimax", option, str(checkpoint)])
    error = capsys.readouterr().err
    assert left.value.code == 2 and error.count("\n") == 1
    assert "a checkpoint of runs/a" in error if option == "--init-from" else "ganzoo resume" not in error
    assert contents(runs) == before


@pytest.mark.parametrize("command", ["resume", "report", "watch"])
def test_an_address_is_told_from_a_directory_that_is_missing(capsys, command):
    with pytest.raises(SystemExit) as left:
        main([command, "hf://alice/x"])
    assert left.value.code == 2 and "this command needs a directory, and not an address" in capsys.readouterr().err
