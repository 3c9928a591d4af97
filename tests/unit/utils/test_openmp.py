"""The OpenMP settings that are made before torch is imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ganzoo.utils import openmp

NAMES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with 8 processors and no settings by the user, and a function that writes its control-group limits."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(openmp, "_chosen", None)
    monkeypatch.setattr(openmp, "_visible", lambda: 8)
    monkeypatch.setattr(openmp, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(openmp, "OWN", tmp_path / "own")
    (tmp_path / "own").write_text("0::/\n")

    def limited(own: str, **files: str) -> None:
        (tmp_path / "own").write_text(own)
        for name, content in files.items():
            file = tmp_path / "cgroup" / name.replace("__", "/").replace("max", "cpu.max")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    return limited


def test_a_machine_without_a_quota_keeps_its_threads(machine):
    machine("0::/\n", max="max 100000\n")
    assert openmp.processors() == 8 and openmp.settings() == {"GOMP_SPINCOUNT": openmp.SPINS}


@pytest.mark.parametrize(
    ("content", "threads"), [("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)]
)
def test_a_containers_quota_gives_the_threads(machine, content, threads):
    machine("0::/\n", max=content)
    assert openmp.processors() == threads
    assert openmp.settings().get("OMP_NUM_THREADS") == (str(threads) if threads < 8 else None)


def test_the_strictest_group_above_counts(machine):
    machine("0::/a/b\n", a__max="300000 100000", a__b__max="max 100000", max="max 100000")
    assert openmp.processors() == 3


def test_the_first_version_of_control_groups(machine, tmp_path):
    machine("4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n")
    group = tmp_path / "cgroup/cpu/docker/x"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text("150000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert openmp.processors() == 1
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    assert openmp.processors() == 8


@pytest.mark.parametrize("content", ["", "x y", "100000 0", "0 100000", "100000"])
def test_an_odd_quota_is_none(machine, content):
    machine("0::/\n", max=content)
    assert openmp.processors() == 8


def test_what_a_user_has_set_stays(machine, monkeypatch):
    machine("0::/\n", max="200000 100000")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert openmp.settings() == {}
    openmp.share(4)
    assert os.environ["OMP_NUM_THREADS"] == "5"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert openmp.settings() == {}


def test_several_processes_share_what_is_allowed(machine, monkeypatch):
    machine("0::/\n", max="600000 100000")
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that monkeypatch restores the variable afterwards
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    openmp.prepare()
    assert os.environ["OMP_NUM_THREADS"] == "6"
    openmp.share(3)
    assert os.environ["OMP_NUM_THREADS"] == "2"


def test_the_command_line_sets_it_before_torch_is_imported():
    """The command line sets GOMP_SPINCOUNT in its own process, before torch is imported and reads it."""
    code = (
        "import os, sys, ganzoo.utils.openmp as openmp\n"
        "from ganzoo.cli.main import main\n"
        "assert 'torch' not in sys.modules\n"
        "try: main(['list'])\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules\n"
        "print(os.environ['GOMP_SPINCOUNT'] == openmp.SPINS)"
    )
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean)
    assert ended.stdout.endswith("True\n"), ended.stderr


def test_a_job_of_a_benchmark_gets_it(machine, monkeypatch, tmp_path):
    from ganzoo.bench import process

    started = {}
    monkeypatch.setattr(process.subprocess, "Popen", lambda command, **options: started.update(options))

    class Job:
        directory = tmp_path

        def write(self):
            return tmp_path / "job.json"

    process.JobProcess(Job())
    assert started["env"]["GOMP_SPINCOUNT"] == openmp.SPINS
