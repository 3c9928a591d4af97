"""The plan of benchmarks/gpu.py: reading and checking its YAML file, and building the command of a step."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # file names that survive the transfer from any machine
REHEARSAL_SECONDS = 1.0  # seconds of training in a rehearsal
REHEARSAL_LIMIT = 900.0  # seconds


class PlanError(Exception):
    """An error in the plan or in the arguments; the message is one line."""


@dataclass(frozen=True)
class Budget:
    """A training time in seconds. The speed measured for this recipe and batch turns it into kimg."""

    recipe: str
    batch: int
    seconds: float


@dataclass(frozen=True)
class Step:
    """One step of the plan. benchmarks/gpu.yaml describes each field."""

    name: str
    run: str
    seconds: float
    limit: float
    call: int = 1
    budget: Budget | None = None
    rehearse: str = ""
    gpu_only: bool = False


def read_plan(file: Path) -> list[Step]:
    """Return the steps of a plan in their order. Raises PlanError if the plan is wrong; the message names the step."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PlanError(f"cannot read the plan {file}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not isinstance(content.get("steps"), list):
        raise PlanError(f"{file} must hold a list named steps")
    steps = [_step(entry, f"{file}, step {number}") for number, entry in enumerate(content["steps"], 1)]
    names = [step.name for step in steps]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PlanError(f"{file}: two steps are named {twice[0]}; rename one")
    return steps


def _step(entry: Any, where: str) -> Step:
    if not isinstance(entry, dict):
        raise PlanError(f"{where} must hold keys and values, such as `name: machine`")
    if odd := sorted(set(map(str, entry)) - {field.name for field in fields(Step)}):
        raise PlanError(f"{where} has the unknown key {odd[0]}; remove it")
    if missing := sorted({"name", "run", "seconds", "limit"} - set(entry)):
        raise PlanError(f"{where} lacks {', '.join(missing)}")
    if not SAFE.fullmatch(str(entry["name"])):
        raise PlanError(f"{where}: name is {entry['name']!r}, must be letters, digits, '.', '_' and '-'")
    try:
        budget = Budget(**entry["budget"]) if entry.get("budget") else None
    except TypeError as error:
        raise PlanError(f"{where}: budget needs recipe, batch and seconds") from error
    return Step(**{**entry, "budget": budget})


def command_of(
    step: Step, *, device: str, results: Path, work: Path, budget: Mapping[str, float], rehearse: bool
) -> list[str]:
    """Return the words of a step's command with its placeholders filled in. ``budget``: kimg or minutes."""
    filled = {
        "device": device,
        "name": step.name,
        "results": shlex.quote(str(results)),
        "work": shlex.quote(str(work)),
        "recipe": step.budget.recipe if step.budget else "",
        "budget": " ".join(f"--{unit} {value:g}" for unit, value in budget.items()),
    }
    text = f"{step.run} {step.rehearse}" if rehearse else step.run
    text = re.sub(r"\{(\w+)\}", lambda found: filled.get(found[1], found[0]), text)
    words = shlex.split(text)
    return [sys.executable if word == "python" else word for word in words[:1]] + words[1:]


def budget_of(step: Step, tables: Path, *, rehearse: bool) -> dict[str, float]:
    """Return a step's budget: ``kimg`` if its speed was measured before, else ``minutes``. Empty without a budget."""
    if step.budget is None:
        return {}
    seconds = REHEARSAL_SECONDS if rehearse else step.budget.seconds
    speed = measured_speed(tables, step.budget.recipe, step.budget.batch)
    if speed is None:
        return {"minutes": round(seconds / 60, 3)}
    return {"kimg": max(0.1, round(speed * seconds / 1000, 1))}


def measured_speed(tables: Path, recipe: str, batch: int) -> float | None:
    """Return the images per second of training from the tables of benchmarks/speed/training.py; None if not found."""
    for file in sorted(tables.glob("training-*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        for row in content["rows"] if content["batch"] == batch else ():
            if row["recipe"] == recipe:
                return float(row["ours"])
    return None
