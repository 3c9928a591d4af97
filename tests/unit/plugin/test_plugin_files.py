"""Plugins in single files: named on the command line, loaded from a directory, kept in a run, given to jobs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ganzoo.bench.record import read_record
from ganzoo.cli.main import main
from ganzoo.entries import LossEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.discovery import DIRECTORY, FILES, ONLY, find_sources
from ganzoo.plugin.registry import Registry

pytestmark = pytest.mark.seconds

TEXT = """
from ganzoo import LossEntry, hookimpl
from ganzoo.interfaces import Loss


@hookimpl
def register_losses(register):
    register(LossEntry(name="NAME", summary="A loss in a file", formula="D: mean; G: mean", target="NAME_loss:OneFile"))


class OneFile(Loss):
    def discriminator(self, *, d_real, d_fake):
        return (d_fake.mean() - d_real.mean()).tanh()

    def generator(self, *, d_real, d_fake):
        return -d_fake.mean().tanh()
"""
SMALL = ["generator.width=16", "discriminator.width=16", "loop.kimg=0.256", "metrics.names=[]", "loop.device=cpu"]


def write(directory: Path, name: str = "single") -> Path:
    directory.mkdir(exist_ok=True)
    file = directory / f"{name}_loss.py"
    file.write_text(TEXT.replace("NAME", name))
    return file


@pytest.fixture
def ganzoo(tmp_path, monkeypatch, capsys):
    """A function that runs the command line in an empty directory and then unloads the modules of plugin files."""
    monkeypatch.chdir(tmp_path)
    for name in (FILES, DIRECTORY, ONLY):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        for name in [name for name in sys.modules if name.endswith("_loss")]:
            del sys.modules[name]
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return call


def test_a_file_is_there_where_it_is_named_and_only_there(ganzoo, tmp_path):
    write(tmp_path)
    write(tmp_path / "more", "other")
    code, out, _ = ganzoo("list", "--plugin", "single_loss.py", "--plugin=more/other_loss.py")
    assert code == 0 and "  single  " in out and "  other  " in out
    assert "single  loss, from single_loss.py sha256:" in ganzoo("info", "single", "--plugin", "single_loss.py")[1]
    assert "A loss in a file" in ganzoo("--plugin", "single_loss.py", "info", "single_loss.py:single")[1]
    assert "single_loss.py sha256:" in ganzoo("plugins", "--plugin", "single_loss.py")[1]
    assert FILES not in os.environ
    assert "single" not in ganzoo("list")[1]


def test_a_directory_is_loaded_whole_and_a_broken_file_in_it_hurts_nothing(ganzoo, tmp_path, monkeypatch):
    write(tmp_path / "mine")
    (tmp_path / "mine/broken_loss.py").write_text("1/0\n")
    (tmp_path / "mine/_helper.py").write_text("1/0\n")
    (tmp_path / "mine/no.name.py").write_text("")
    monkeypatch.setenv(DIRECTORY, "mine")
    code, out, err = ganzoo("list")
    assert code == 0 and "  single  " in out
    assert "not loaded: broken_loss of broken_loss.py sha256:" in err and "ZeroDivisionError" in err
    assert "its name must be NAME.py" in err and "_helper" not in err
    assert ganzoo("list", "--plugin", "mine/single_loss.py")[1].count("  single  ") == 1  # named twice, loaded once
    monkeypatch.setenv(DIRECTORY, "nowhere")
    code, _, err = ganzoo("list")
    why = "which is not a directory; create it or unset the variable"
    assert code == 2 and err == f"ganzoo: GANZOO_PLUGINS_DIR is nowhere, {why}\n"


def test_an_edited_file_is_loaded_again_in_the_same_process(tmp_path, monkeypatch):
    """As in a notebook: change the loss, then train again."""
    monkeypatch.setenv(FILES, str(write(tmp_path)))
    first = Registry.load(strict=True).get(LossEntry, "single")
    same = Registry.load(strict=True).get(LossEntry, "single")
    write(tmp_path).write_text(TEXT.replace("NAME", "single").replace("A loss in a file", "Another loss"))
    second = Registry.load(strict=True).get(LossEntry, "single")
    assert (first.summary, same.summary, second.summary) == ("A loss in a file", "A loss in a file", "Another loss")
    assert first.owner.version != second.owner.version
    del sys.modules["single_loss"]


def test_a_file_with_windows_line_ends_is_resumed(ganzoo, tmp_path):
    file = write(tmp_path)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    code, _, err = ganzoo("run", "mlp+single", *SMALL, "--plugin", "single_loss.py", "--out", "run")
    assert code == 0, err
    code, _, err = ganzoo("resume", "run", "loop.kimg=0.512", "--plugin", "single_loss.py")
    assert code == 0, err


def test_files_that_editors_leave_in_a_directory_are_passed_over(ganzoo, tmp_path, monkeypatch):
    write(tmp_path / "mine")
    (tmp_path / "mine/.#single_loss.py").symlink_to("somebody@host.1234")
    (tmp_path / "mine/sub.py").mkdir()
    monkeypatch.setenv(DIRECTORY, "mine")
    code, out, err = ganzoo("list")
    assert code == 0 and "  single  " in out and not err


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("absent.py", None, "there is no plugin file"),
        ("broken_loss.py", "import nothing_of_that_name\n", "No module named 'nothing_of_that_name'"),
        ("json.py", "", "a module named 'json' already exists; rename json.py"),
        ("click.py", "", "a module named 'click' already exists; rename click.py"),
        ("empty_loss.py", "", "it has no hook; mark its functions with @ganzoo.hookimpl"),
        ("text.txt", "", "its name must be NAME.py"),
        ("", None, "--plugin needs a file, for example --plugin my_loss.py"),
    ],
)
def test_a_file_that_was_named_must_not_fail(ganzoo, tmp_path, file, content, says):
    if content is not None:
        (tmp_path / file).write_text(content)
    code, out, err = ganzoo("list", *(["--plugin", file] if file else ["--plugin"]))
    assert code == 2 and out == "" and says in err and err.count("\n") == 1


def test_only_some_distributions(monkeypatch):
    monkeypatch.setenv(ONLY, "")
    assert {source.distribution for source in find_sources()} == {"ganzoo"}
    monkeypatch.setenv(ONLY, "Ganzoo, ganzoo_nothing")
    with pytest.raises(GanzooError, match=r"GANZOO_PLUGINS names ganzoo-nothing, .* \(there are: ganzoo"):
        find_sources()


def test_a_distribution_that_is_left_out(tmp_path, monkeypatch):
    for name in ("one", "two"):
        info = tmp_path / f"ganzoo_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ganzoo-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ganzoo]\n{name} = ganzoo_{name}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {"ganzoo-one", "ganzoo-two", "ganzoo"} <= {source.distribution for source in find_sources()}
    monkeypatch.setenv(ONLY, "Ganzoo_Two")
    assert {source.distribution for source in find_sources()} == {"ganzoo", "ganzoo-two"}


def test_a_run_keeps_a_copy_and_says_where_it_is(ganzoo, tmp_path):
    file = write(tmp_path)
    code, _, err = ganzoo("run", "mlp+single", *SMALL, "--out", "run", "--plugin", "single_loss.py")
    assert code == 0, err
    assert (tmp_path / "run/plugins/single_loss.py").read_text() == file.read_text()
    version = json.loads((tmp_path / "run/provenance.json").read_text())["plugins"]["single_loss.py"]
    assert version.startswith("sha256:")
    for command in (["resume", "run"], ["sample", "run", "-n", "1"], ["eval", "run"]):
        code, _, err = ganzoo(*command)
        assert code == 2 and err.count("\n") == err.count("--plugin") == 1
        assert "run needs the loss 'single' of single_loss.py" in err
        assert "add --plugin run/plugins/single_loss.py" in err
    code, out, err = ganzoo("sample", "run", "-n", "1", "--plugin", "run/plugins/single_loss.py")
    assert code == 0, err
    file.write_text(file.read_text() + "\n# changed\n")
    code, _, err = ganzoo("resume", "run", "--plugin", "single_loss.py")
    assert (
        code == 2
        and "differs from the copy that run began with; continue with --plugin run/plugins/single_loss.py" in err
    )
    code, out, err = ganzoo("resume", "run", "--plugin", "run/plugins/single_loss.py")
    assert code == 0 and out.splitlines()[-1] == "run: run", err


@pytest.mark.long
def test_a_grid_hands_the_file_to_its_jobs(ganzoo, tmp_path):
    """A job gets the text of the file instead of its path, since its process may run on another machine."""
    write(tmp_path / "away")
    settings = [part for setting in SMALL if "kimg" not in setting for part in ("--set", setting)]
    command = ["bench", "--arch", "mlp", "--loss", "single", "--kimg", "0.256", *settings, "--results", "results"]
    code, _, err = ganzoo(*command, "--plugin", "away/single_loss.py")
    assert code == 0, err
    (file,) = (tmp_path / "results/bench").glob("*mlp+single*.json")
    record = read_record(file)
    assert record.status == "done", record.reason
    assert record.plugins["single_loss.py"].startswith("sha256:")
    assert record.command.endswith("--plugin single_loss.py")
    (job,) = (tmp_path / "runs/bench").rglob("train.job.json")
    assert "class OneFile(Loss)" in json.loads(job.read_text())["plugins"]["single_loss.py"]
    assert (job.parent / "plugins/single_loss.py").exists()


def test_named_files_instead_of_the_environments(tmp_path, monkeypatch):
    monkeypatch.setenv(FILES, "nowhere.py")
    file = write(tmp_path)
    registry = Registry.load(files=[file])
    assert registry.get(LossEntry, "single").summary == "A loss in a file"
    assert registry.files == {"single_loss.py": file.resolve()}
    del sys.modules["single_loss"]
