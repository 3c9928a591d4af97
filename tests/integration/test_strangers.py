"""Plugins in other installed distributions: the example of CONTRIBUTING.md, which works, and a broken one."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo import hookspecs
from ganzoo.bench.record import read_record
from ganzoo.cli.main import main

ROOT = Path(__file__).parents[2]


def install(site: Path, distribution: str, entry_point: str) -> None:
    """Write the metadata of an installed distribution that importlib.metadata reads."""
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ganzoo]\n{entry_point}\n")


@pytest.fixture
def ganzoo(tmp_path):
    """A function that runs the command line in a process that can import from ``tmp_path/site``."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "ganzoo", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )

    return call


def test_a_broken_distribution_does_not_hurt(ganzoo, tmp_path):
    install(tmp_path / "site", "ganzoo-broken", "broken = ganzoo_broken")
    (tmp_path / "site/ganzoo_broken.py").write_text("import nothing_of_that_name\n")
    listed = ganzoo("list")
    assert listed.returncode == 0 and "dcgan" in listed.stdout
    for said in ("ganzoo-broken 1.0", "No module named 'nothing_of_that_name'"):
        assert said in listed.stderr
    assert "failed: ModuleNotFoundError" in ganzoo("plugins").stdout
    strict = ganzoo("list", GANZOO_STRICT="1")
    assert strict.returncode == 2 and "ganzoo-broken 1.0" in strict.stderr


@pytest.fixture
def here(tmp_path, monkeypatch, capfd):
    """A function that runs the command line in this process, which saves another import of torch, and returns its exit
    code and stderr. This process and its child processes can import from ``tmp_path/site``."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        with monkeypatch.context() as patched:
            patched.syspath_prepend(str(tmp_path / "site"))
            patched.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
            with pytest.raises(SystemExit) as stop:
                main(list(arguments))
        return int(stop.value.code or 0), capfd.readouterr().err

    yield call
    for name in [name for name in sys.modules if name.partition(".")[0] == "ganzoo_absolute"]:
        del sys.modules[name]


@pytest.mark.long
def test_contributings_example_works_to_the_letter(ganzoo, here, tmp_path):
    """The example is built as a wheel, installed, described by `info`, trained by `run` and by `bench`."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    files = dict(re.findall(r"`(pyproject\.toml|ganzoo_absolute/\w+\.py)`[^\n]*\n```\w+\n(.*?)```", text, re.DOTALL))
    assert set(files) == {"pyproject.toml", "ganzoo_absolute/__init__.py", "ganzoo_absolute/loss.py"}
    for name, content in files.items():
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(content)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, tmp_path / "source"]
    subprocess.run(wheel, check=True)
    (built,) = tmp_path.glob("ganzoo_absolute-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", tmp_path / "site", built], check=True)
    described = ganzoo("info", "absolute")
    assert "from ganzoo-absolute 0.1.0" in described.stdout and "1611.04076" in described.stdout
    small = ["generator.width=16", "discriminator.width=16", "loop.kimg=0.256", "metrics.names=[]"]
    code, err = here("run", "mlp+absolute", *small, "--out", "run")
    assert code == 0, err
    assert '"ganzoo-absolute": "0.1.0"' in (tmp_path / "run/provenance.json").read_text()
    settings = [part for setting in [*small[:2], small[3]] for part in ("--set", setting)]
    code, err = here(
        "bench", "--arch", "mlp", "--loss", "absolute", "--kimg", "0.256", *settings, "--results", "results"
    )
    assert code == 0, err
    (file,) = (tmp_path / "results/bench").glob("*absolute*.json")
    record = read_record(file)
    assert record.status == "done" and record.plugins["ganzoo-absolute"] == "0.1.0"


def test_every_hook_is_documented():
    hooks = [f for _, f in inspect.getmembers(hookspecs, inspect.isfunction) if hasattr(f, "ganzoo_spec")]
    assert len(hooks) == 20
    assert all(inspect.getdoc(hook) for hook in hooks)


def test_the_core_names_no_plugin():
    """The code of the core contains no quoted name of an architecture, loss, penalty or other registered part."""
    from ganzoo.plugin.registry import Registry

    names = {name for entries in Registry.load().entries.values() for name in entries}
    # Common words, and the setting metrics.inception, which is older than the extractors.
    allowed = {"folder", "zip", "inception", "score"}
    pattern = re.compile("|".join(rf'"{re.escape(name)}"' for name in sorted(names - allowed)))
    for file in (ROOT / "ganzoo").rglob("*.py"):
        assert not pattern.findall(file.read_text()), file
