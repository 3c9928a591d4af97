"""Run everything that needs a GPU as steps with time limits, the most informative first. See docs/gpu.md.

    python benchmarks/gpu.py [--minutes 10] [--out runs/gpu] [--call N] [--only STEP]
    python benchmarks/gpu.py --device cpu --rehearse     # tiny budgets, without the steps that only a GPU can do

The plan, benchmarks/gpu.yaml, lists the steps and their time limits. After each step all results are packed into one
archive, OUT/gpu.tar.gz. Unpack it in benchmarks/ to put records and tables in their places. A second call with the same
OUT skips the steps that are done. Exits with 1 if a step failed or did not run for lack of time, with 2 if the plan is
wrong or OUT was made for another device.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

from plan import REHEARSAL_LIMIT, PlanError, Step, budget_of, command_of, read_plan
from timed import run_within

ROOT = Path(__file__).resolve().parents[1]
LAST_LINES = 12  # how many lines of a failed step's output are printed
DONE, FAILED, LATE, SKIPPED = "done", "failed", "over its limit", "skipped: only a GPU can do it"


class Out:
    """The output directory, with the layout of ``benchmarks/``.

    ``gpu/`` holds the state and the logs, ``results/`` the records, ``speed/results/`` the tables. ``work/`` holds the
    unfinished runs; it is the only part that the archive leaves out.
    """

    def __init__(self, directory: Path, archive: Path | None, made_with: dict[str, Any]) -> None:
        """Create the directory, or read its state. archive: the archive's file, by default in the directory.

        Raises PlanError if the directory's state was made with another ``made_with``: the device, and whether it is a
        rehearsal.
        """
        self.directory, self.archive = directory.resolve(), (archive or directory / "gpu.tar.gz").resolve()
        self.results, self.work, self.tables = (self.directory / name for name in ("results", "work", "speed/results"))
        self.own = self.directory / "gpu"
        for place in (self.results, self.work, self.tables, self.own / "logs"):
            place.mkdir(parents=True, exist_ok=True)
        self.file = self.own / "state.json"
        self.state: dict[str, Any] = {"made_with": made_with, "steps": {}}
        if self.file.exists():
            self.state = json.loads(self.file.read_text(encoding="utf-8"))
            if self.state["made_with"] != made_with:
                raise PlanError(
                    f"{directory} was made with {self.state['made_with']}, not {made_with}; give another --out"
                )

    def of(self, step: Step) -> dict[str, Any]:
        """Return the state of a step, a dictionary that may be changed."""
        found: dict[str, Any] = self.state["steps"].setdefault(step.name, {"state": "not begun"})
        return found

    def log(self, step: Step) -> Path:
        """Return the file for a step's output."""
        return self.own / "logs" / f"{step.name}.txt"

    def note(self, step: Step, **known: Any) -> None:
        """Update the state of a step and save it."""
        self.of(step).update(known)
        _replace(self.file, (json.dumps(self.state, indent=1) + "\n").encode())

    def pack(self) -> float:
        """Pack everything except ``work/`` into the archive. Return the archive's size in MiB."""
        self.archive.parent.mkdir(parents=True, exist_ok=True)
        new = self.archive.with_name(self.archive.name + ".new")
        with tarfile.open(new, "w:gz") as archive:
            for path in sorted(path for path in self.directory.rglob("*") if path.is_file()):
                if self.work not in path.parents and path not in (new, self.archive):
                    archive.add(path, path.relative_to(self.directory).as_posix())
        new.replace(self.archive)
        return self.archive.stat().st_size / 2**20


def run_step(step: Step, out: Out, given: argparse.Namespace, left: float) -> str:
    """Run a step for at most ``left`` seconds and save its outcome. Return its state: DONE, FAILED or LATE."""
    known = out.of(step)
    budget = known.get("budget") or budget_of(step, out.tables, rehearse=given.rehearse)
    out.note(step, state="begun", budget=budget)  # so that a second call trains for the same budget
    command = command_of(
        step, device=given.device, results=out.results, work=out.work, budget=budget, rehearse=given.rehearse
    )
    limit = min(left, REHEARSAL_LIMIT if given.rehearse else step.limit)
    shown = "".join(f", {value:g} {unit}" for unit, value in budget.items())
    print(f"== {step.name}: {limit:.0f} s at most{shown}", flush=True)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "GANZOO_SPEED_RESULTS": str(out.tables)}
    found = run_within(limit, command, out.log(step), environment, ROOT)
    state = LATE if found.late else DONE if found.code == 0 else FAILED
    if state == DONE and step.budget and (reason := _row_is_missing(out.results / step.name)):
        state = FAILED
        with out.log(step).open("a") as log:
            log.write(f"{reason}\n")
    out.note(step, state=state, code=found.code, seconds=round(found.seconds, 1))
    print(f"   {state} in {found.seconds:.1f} s", flush=True)
    if state != DONE:
        lines = out.log(step).read_text(errors="replace").splitlines()
        print("\n".join(f"   | {line}" for line in lines[-LAST_LINES:]), flush=True)
    return state


def _row_is_missing(directory: Path) -> str:
    """Return why a grid whose command succeeded has no complete row; "" if all rows are complete.

    The command also succeeds if a row failed.
    """
    records = [json.loads(file.read_text()) for file in directory.glob("*.json") if file.name != "grid.json"]
    failed = [record["reason"] for record in records if record["status"] != "done"]
    return failed[0] if failed else "" if records else f"no record was written to {directory}"


def _replace(file: Path, content: bytes) -> None:
    new = file.with_name(file.name + ".new")
    new.write_bytes(content)
    new.replace(file)


def _chosen(steps: list[Step], given: argparse.Namespace) -> list[Step]:
    if unknown := sorted(set(given.only) - {step.name for step in steps}):
        raise PlanError(f"the plan has no step {unknown[0]}; it has {', '.join(step.name for step in steps)}")
    chosen = [step for step in steps if not given.only or step.name in given.only]
    return [step for step in chosen if given.call is None or step.call == given.call]


def run_plan(steps: list[Step], out: Out, given: argparse.Namespace) -> bool:
    """Run the steps that are not done yet, as long as there is time. Return whether all steps are done or skipped."""
    end, complete = time.monotonic() + given.minutes * 60, True
    for step in steps:
        left = end - time.monotonic()
        if out.of(step)["state"] == DONE:
            print(f"== {step.name}: done before", flush=True)
            continue
        if step.gpu_only and given.rehearse:
            out.note(step, state=SKIPPED)
            print(f"== {step.name}: {SKIPPED}", flush=True)
        elif left < (1 if given.rehearse else step.seconds):
            complete = False
            out.note(step)
            print(f"== {step.name}: takes {step.seconds:.0f} s, {max(0.0, left):.0f} s are left", flush=True)
            continue
        else:
            complete &= run_step(step, out, given, left) == DONE
        size = out.pack()
        print(f"   {out.archive.name}: {size:.2f} MiB, {end - time.monotonic():.0f} s left", flush=True)
    return complete


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all steps together")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("gpu.yaml"))
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="gets everything")
    parser.add_argument("--archive", type=Path, help="the archive [default: gpu.tar.gz in OUT]")
    parser.add_argument("--call", type=int, help="only the steps of this call of the plan")
    parser.add_argument("--only", action="append", default=[], metavar="STEP", help="only this step; may be repeated")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rehearse", action="store_true", help="tiny budgets; skip what only a GPU can do")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a step's processes end with this one
    try:
        out = Out(given.out, given.archive, {"device": given.device, "rehearsal": given.rehearse})
        return int(not run_plan(_chosen(read_plan(given.plan), given), out, given))
    except PlanError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
