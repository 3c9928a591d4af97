"""Commands that repeat a run with settings that may cure what the diagnosis found."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from ganzoo.runs.plugin_copies import copies
from ganzoo.runs.reader import Facts
from ganzoo.runs.reproduce import INIT_FROM
from ganzoo.runs.run_dir import RunDir


def again(facts: Facts, *settings: str) -> str:
    """Return the command that trains the run's configuration again with other settings."""
    begun = ["--init-from", source] if (source := initial_run(facts)) else []
    config = str(facts.path / "config.yaml")
    return shlex.join(["ganzoo", "run", "--config", config, *settings, *begun, *_plugins(facts)])


def on_run(facts: Facts, command: str, *options: str) -> str:
    """Return a command that reads the run's directory."""
    return shlex.join(["ganzoo", command, str(facts.path), *options, *_plugins(facts)])


def initial_run(facts: Facts) -> str:
    """Return the path of the run whose weights this run began with; "" if it began untrained."""
    source = facts.provenance.get(INIT_FROM)
    path = PurePath(source) if isinstance(source, str) else PurePath()
    return str(path.parents[1]) if len(path.parents) > 1 else ""


def _plugins(facts: Facts) -> list[str]:
    """Return the options that load the run's copies of its plugin files."""
    return [part for file in copies(RunDir(facts.path)).values() for part in ("--plugin", str(file))]


def scaled_rates(facts: Facts, factor: float, *networks: str) -> list[str]:
    """Return settings that scale the learning rates of these networks by a factor. Unknown rates are left out."""
    names = [f"optimizer.{network}.lr" for network in networks]
    return [f"{name}={learning_rate * factor:g}" for name in names if (learning_rate := facts.number(name))]


def one_more_step(facts: Facts) -> str:
    """Return the setting that gives the discriminator one more step for each step of the generator.

    The configuration may leave the number to the loss, so it is read from the steps in the log.
    """
    last = facts.log[-1]
    steps = round(last.get("steps_d", 1) / max(1, last.get("steps_g", 1)))
    return f"loop.discriminator_steps={steps + 1}"


def other_rates(facts: Facts, factor: float, advice: str, *networks: str) -> tuple[str, str]:
    """Return the advice and its command with scaled learning rates; both empty if no rate is known."""
    settings = scaled_rates(facts, factor, *networks)
    return (advice, again(facts, *settings)) if settings else ("", "")


def longer(facts: Facts) -> tuple[str, str]:
    """Return the advice and its command to resume an unfinished run, or to train one that is finished or published for
    twice as long."""
    if facts.resumable:
        return "If it is not running, go on:", on_run(facts, "resume")
    budget = facts.number("loop.kimg")
    return ("Train for twice as long:", again(facts, f"loop.kimg={budget * 2:g}")) if budget else ("", "")
