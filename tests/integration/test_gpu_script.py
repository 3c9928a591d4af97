"""Tests of `benchmarks/gpu.py` with small commands as steps: time limits, the states of steps, packed results."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks/gpu.py"
SAFE = re.compile(r"[A-Za-z0-9._-]+")
PLANS = sorted((ROOT / "benchmarks").glob("gpu*.yaml"))


def python(code: str) -> str:
    """Return the command of a step that runs this code. The script fills in the placeholders in the code."""
    return f"python -c {shlex.quote(code)}"


@pytest.fixture
def call(tmp_path):
    """A function that runs the script on a plan of the given steps and returns its process and the steps' states."""

    def called(steps, *arguments):
        plan, out = tmp_path / "plan.yaml", tmp_path / "out"
        plan.write_text(yaml.safe_dump({"steps": [{"seconds": 1, "limit": 20, **step} for step in steps]}))
        command = [sys.executable, str(SCRIPT), "--plan", str(plan), "--out", str(out), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        file = out / "gpu/state.json"
        states = json.loads(file.read_text())["steps"] if file.exists() else {}
        return done, {name: known["state"] for name, known in states.items()}

    return called


def packed(directory: Path) -> list[str]:
    with tarfile.open(directory / "gpu.tar.gz") as archive:
        return archive.getnames()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.long
def test_a_step_over_its_limit_is_ended_with_all_its_processes_and_the_earlier_results_are_packed(call, tmp_path):
    pid = tmp_path / "pid"
    hangs = tmp_path / "hangs.py"
    hangs.write_text(f"""
import signal, subprocess
signal.signal(signal.SIGINT, signal.SIG_IGN)
hidden = subprocess.Popen(["sleep", "600"], start_new_session=True)
open({str(pid)!r}, "w").write(str(hidden.pid))
hidden.wait()
""")
    begun = time.monotonic()
    done, states = call(
        [
            {"name": "first", "run": python("open(r'{results}/dcgan+a.json', 'w').write('x')")},
            {"name": "hangs", "run": f"python {hangs}", "limit": 2},
            {"name": "last", "run": python("print(1)")},
        ]
    )
    assert time.monotonic() - begun < 60 and done.returncode == 1
    assert states == {"first": "done", "hangs": "over its limit", "last": "done"}
    assert not alive(int(pid.read_text()))
    assert {"results/dcgan+a.json", "gpu/state.json", "gpu/logs/hangs.txt"} <= set(packed(tmp_path / "out"))


def test_results_are_packed_before_the_next_step_begins(call, tmp_path):
    archive = tmp_path / "out/gpu.tar.gz"
    looks = f"import tarfile; assert 'results/a.json' in tarfile.open(r'{archive}').getnames()"
    _, states = call(
        [
            {"name": "writes", "run": python("open(r'{results}/a.json', 'w').close()")},
            {"name": "looks", "run": python(looks)},
        ]
    )
    assert states == {"writes": "done", "looks": "done"}


def test_a_second_call_goes_on_with_what_is_not_done(call, tmp_path):
    """A second call repeats failed steps and steps that lacked time, but not finished ones."""
    count = tmp_path / "count"
    steps = [
        {"name": "counts", "run": python(f"open(r'{count}', 'a').write('x')")},
        {"name": "fails", "run": python(f"import os; raise SystemExit(not os.path.exists(r'{tmp_path}/mended'))")},
        {"name": "long", "run": python("pass"), "seconds": 50},
    ]
    done, states = call(steps, "--minutes", "0.5")
    assert (done.returncode, states) == (1, {"counts": "done", "fails": "failed", "long": "not begun"})
    assert "takes 50 s" in done.stdout
    (tmp_path / "mended").touch()
    done, states = call(steps, "--minutes", "2")
    assert (done.returncode, set(states.values()), count.read_text()) == (0, {"done"}, "x")


def test_what_a_rehearsal_skips_is_not_done(call, tmp_path):
    steps = [
        {"name": "nccl", "run": python("raise SystemExit(3)"), "gpu_only": True},
        {"name": "small", "run": "python -c 'import sys; print(sys.argv[1:])' {device}", "rehearse": "--few"},
    ]
    done, states = call(steps, "--device", "cpu", "--rehearse")
    assert (done.returncode, states) == (0, {"nccl": "skipped: only a GPU can do it", "small": "done"})
    assert (tmp_path / "out/gpu/logs/small.txt").read_text() == "['cpu', '--few']\n"
    done, _ = call(steps)
    assert done.returncode == 2 and "give another --out" in done.stderr  # a GPU run cannot continue a rehearsal


def test_only_the_flag_skips(call):
    step = {"name": "nccl", "run": python("raise SystemExit(3)"), "gpu_only": True}
    assert call([step], "--device", "cpu")[1] == {"nccl": "failed"}


def test_calls_and_steps_can_be_chosen(call):
    steps = [{"name": f"s{number}", "run": python("pass"), "call": number} for number in (1, 2, 3)]
    assert call(steps, "--call", "2")[1] == {"s2": "done"}
    assert call(steps, "--only", "s3")[1] == {"s2": "done", "s3": "done"}
    done, _ = call(steps, "--only", "s4")
    assert done.returncode == 2 and "the plan has no step s4; it has s1, s2, s3" in done.stderr


SPEED = {"batch": 64, "rows": [{"recipe": "dcgan+wgan-gp", "ours": 40000.0}]}
RECORD = "import json, os, sys; os.makedirs(r'{results}/row', exist_ok=True); "


@pytest.mark.parametrize(("batch", "budget"), [(64, "--kimg 2400"), (32, "--minutes 1")])
def test_the_measured_speed_becomes_kimg(call, tmp_path, batch, budget):
    """The budget is in kimg if a speed was measured for the batch, otherwise in minutes."""
    table = f"import json; json.dump({SPEED!r}, open(r'{tmp_path}/out/speed/results/training-h100-32-64.json', 'w'))"
    row = RECORD + "json.dump(dict(status='done'), open(r'{results}/row/a.json', 'w')); print(*sys.argv[1:])"
    _, states = call(
        [
            {"name": "speed", "run": python(table)},
            {"name": "row", "run": python(row) + " {recipe} {budget}",
             "budget": {"recipe": "dcgan+wgan-gp", "batch": batch, "seconds": 60}},
        ]
    )  # fmt: skip
    assert states == {"speed": "done", "row": "done"}
    assert (tmp_path / "out/gpu/logs/row.txt").read_text() == f"dcgan+wgan-gp {budget}\n"


def test_a_row_that_failed_is_not_done(call):
    fails = RECORD + "json.dump(dict(status='failed', reason='not finite'), open(r'{results}/row/a.json', 'w'))"
    budget = {"recipe": "dcgan+wgan-gp", "batch": 64, "seconds": 60}
    done, states = call([{"name": "row", "run": python(fails), "budget": budget}])
    assert states == {"row": "failed"} and "not finite" in done.stdout
    done, states = call([{"name": "none", "run": python("pass"), "budget": budget}])
    assert states["none"] == "failed" and "no record was written" in done.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "dcgan+wgan-gp"}, "name is 'dcgan+wgan-gp', must be letters"),
        ({"name": "../up"}, "name is '../up'"),
        ({"limt": 3}, "unknown key limt"),
        ({"budget": {"recipe": "dcgan"}}, "budget needs recipe, batch and seconds"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(call, change, says):
    done, states = call([{"name": "a", "run": "true", **change}])
    assert (done.returncode, states) == (2, {}) and says in done.stderr


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_the_plans_can_be_read_and_name_what_exists(file, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from plan import command_of, read_plan

    for step in read_plan(file):
        words = command_of(step, device="cuda", results=Path("r"), work=Path("w"), budget={"kimg": 1.5}, rehearse=False)
        assert not [word for word in words if "{" in word]
        assert [word for word in words if word.endswith((".py", ".yaml")) and not (ROOT / word).is_file()] == []
        assert step.seconds < step.limit and SAFE.fullmatch(step.name)


def test_every_file_of_gpu_tests_is_in_the_plan():
    marked = {file.name for file in (ROOT / "tests").rglob("test_*.py") if "mark" + ".gpu" in file.read_text()}
    assert marked == set(re.findall(r"tests/[\w/]+/(test_\w+\.py)", (ROOT / "benchmarks/gpu.yaml").read_text()))


def test_the_three_calls_fit_their_time():
    steps = yaml.safe_load((ROOT / "benchmarks/gpu.yaml").read_text())["steps"]
    for number, most in {1: 230, 2: 290, 3: 110}.items():
        assert sum(step["seconds"] for step in steps if step["call"] == number) <= most


def test_a_stop_ends_the_step(tmp_path):
    plan, ready = tmp_path / "plan.yaml", tmp_path / "pid"
    run = python(f"import os, time; open(r'{ready}', 'w').write(str(os.getpid())); time.sleep(600)")
    plan.write_text(yaml.safe_dump({"steps": [{"name": "a", "run": run, "seconds": 1, "limit": 600}]}))
    with subprocess.Popen([sys.executable, str(SCRIPT), "--plan", str(plan), "--out", str(tmp_path / "out")]) as script:
        while not (ready.exists() and ready.read_text()):
            assert script.poll() is None
            time.sleep(0.05)
        os.kill(script.pid, 15)
        assert script.wait(30) == 143
    assert not alive(int(ready.read_text()))
