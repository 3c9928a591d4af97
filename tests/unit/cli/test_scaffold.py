"""`ganzoo plugins new`: a new package of each kind can be built and installed, passes its own tests and conforms."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.weights import write_run

from ganzoo.cli.main import main
from ganzoo.cli.scaffold import MODULES, write_plugin
from ganzoo.plugin.registry import Registry

pytestmark = pytest.mark.seconds


RUN = "mlp+minimax@fashion-10k"
PACKED = [
    "index.json",
    *(f"{RUN}/{name}" for name in ("config.yaml", "provenance.json", "score.json")),
    *(f"{RUN}/checkpoints/kimg000004.000/{name}" for name in ("ema.safetensors", "meta.json")),
]  # the files of a run in a package


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A directory with a new distribution of each kind, and a directory ``site`` where their wheels are installed."""
    hatchling = pytest.importorskip("hatchling.build")
    directory, registry, before = tmp_path_factory.mktemp("new"), Registry.load(), Path.cwd()
    run = str(write_run(registry, directory / "run"))
    for kind in MODULES:
        path = write_plugin(f"fresh-{kind}", kind, directory / kind, registry, run if kind == "weights" else None)
        os.chdir(path)
        try:
            wheel = hatchling.build_wheel(str(directory))
        finally:
            os.chdir(before)
        zipfile.ZipFile(directory / wheel).extractall(directory / "site")
    return directory


def test_every_file_is_there(written):
    for kind, module in MODULES.items():
        package = f"ganzoo_fresh_{kind}"
        found = {str(path.relative_to(written / kind)) for path in (written / kind).rglob("*") if path.is_file()}
        assert found == {
            "pyproject.toml",
            "README.md",
            ".gitignore",
            ".github/workflows/test.yml",
            ".github/workflows/publish.yml",
            f"{package}/__init__.py",
            f"{package}/{module}.py",
            f"{package}/py.typed",
            "tests/test_conformance.py",
            f"tests/test_{module}.py",
            *(f"{package}/weights/{path}" for path in (PACKED if kind == "weights" else ())),
        }
        for path in found:
            if path.endswith(".safetensors"):
                continue
            assert "$" not in (written / kind / path).read_text().replace("${{", "") or path.endswith(".yml")
        assert (written / "site" / package / "py.typed").exists()


@pytest.mark.long
def test_their_own_tests_pass_and_they_conform(written):
    """The packages' own tests pass. They include the conformance kit, so this also covers `ganzoo plugins check`."""
    tests = written / "tests"
    for kind in MODULES:  # one process runs them all, since a start takes seconds; so the file names must differ
        for file in (written / kind / "tests").iterdir():
            tests.mkdir(exist_ok=True)
            shutil.copy(file, tests / f"{file.stem}_{kind}.py")
    path = os.pathsep.join([str(written / "site"), os.environ.get("PYTHONPATH", "")])
    settings = "generator.width=8", "discriminator.width=8"
    conformance = tests / "test_conformance_architecture.py"
    conformance.write_text(conformance.read_text().replace('architecture")', f'architecture", settings={settings})'))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ganzoo.testing.plugin", "--strict-markers", "."]
    environment = {**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=tests, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout and "passed" in done.stdout


def test_the_command_and_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["plugins", "new", "ganzoo-soft-hinge", "--kind", "loss"])
    assert not stop.value.code
    out = capsys.readouterr().out
    assert "cd ganzoo-soft-hinge && pip install" in out
    loss = (tmp_path / "ganzoo-soft-hinge/ganzoo_soft_hinge/loss.py").read_text()
    assert "class SoftHingeLoss(Loss)" in loss
    assert [path.name for path in tmp_path.iterdir()] == ["ganzoo-soft-hinge"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["soft", "--kind", "launcher"], "--kind launcher is unknown; choose one of architecture, loss"),
        (["Soft", "--kind", "loss"], "the name 'Soft' must be lower-case letters and digits"),
        (["soft_hinge", "--kind", "loss"], "such as soft-hinge"),
        (["../soft", "--kind", "loss"], "must be lower-case"),
        (["ganzoo-", "--kind", "loss"], "the name '' must be"),
        (["hinge", "--kind", "loss"], "the loss 'hinge' is registered by ganzoo"),
        (["losses", "--kind", "loss"], "a module ganzoo_losses is installed already"),
        (["soft", "--kind", "loss", "--out", "there"], "there exists already"),
        (["soft", "--kind", "loss", "--out", "file/there"], "cannot write file/there"),
        (["soft", "--kind", "weights"], "--kind weights and --run RUN go together"),
        (["soft", "--kind", "loss", "--run", "there"], "--kind weights and --run RUN go together"),
        (["soft", "--kind", "weights", "--run", "there"], "there is not a run directory"),
        (["soft"], "Missing option '--kind'"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as stop:
        main(["plugins", "new", *arguments])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and says in err and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.long  # .ci/run installs ruff only after the tests that are not long
def test_ruff_finds_nothing_in_what_is_written(written):
    ruff = shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    for kind in MODULES:
        for command in (["check", "--select", "E,F,I,B,UP,SIM"], ["format", "--check"]):
            done = subprocess.run(
                [ruff, *command, "--line-length", "120", "."], cwd=written / kind, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout
