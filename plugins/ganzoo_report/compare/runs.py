"""Reads several runs and compares their figures and settings. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.console.waits import duration
from ganzoo.errors import GanzooError
from ganzoo.runs.reader import Facts, read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import one_line
from ganzoo.utils.waiting import counted
from ganzoo_report.curves import Curve, score_curve
from ganzoo_report.diagnosis import mean
from ganzoo_report.story import Story, read_story

SNAPSHOTS = 120  # read from all runs together
PROTOCOL = (
    "reference", "split", "fingerprint", "resize", "picture", "classes", "real_pictures", "fake_pictures", "network",
    "extractor", "truncation",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One of the compared runs.

    name: a name that no other run has. facts, story: as in the run's report. protocol: the protocol of its last score.
    """

    name: str
    facts: Facts
    story: Story
    protocol: Mapping[str, Any]


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Return all runs. Raises GanzooError if there are fewer than two, if one is named twice or if one is not a run."""
    if len(paths) < 2:
        raise GanzooError("name two runs or more to compare, for example `ganzoo compare runs/*`")
    directories = [RunDir.open(path) for path in paths]
    places = [path.resolve() for path in paths]
    for place, path in enumerate(paths):
        if places[place] in places[:place]:
            raise GanzooError(f"{path} is named twice; name each run once")
    return [
        _read(directory, one_line(name), len(paths))
        for directory, name in counted(
            "reading runs", zip(directories, tell_apart(places), strict=True), len(paths), "runs"
        )
    ]


def tell_apart(places: Sequence[Path]) -> list[str]:
    """Return a short unique name for each path. The paths must differ.

    Final parts that all paths share are dropped. A name is then the last parts of a path, as few as make all unique.
    """
    parts = [list(place.parts) for place in places]
    while len({part[-1] for part in parts}) == 1:  # a shared final part does not help: a/run, b/run
        parts = [part[:-1] for part in parts]
    pieces = (["/".join(part[-depth:]) for part in parts] for depth in range(1, max(map(len, parts)) + 1))
    return next(names for names in pieces if len(set(names)) == len(names))


def _read(directory: RunDir, name: str, count: int) -> Run:
    try:
        facts = read_facts(directory)
    except OSError as error:
        raise GanzooError(f"cannot read {directory.config_file}: {error.strerror}") from error
    protocol = directory.last_score().get("protocol")
    story = read_story(directory, most=max(2, SNAPSHOTS // count))
    return Run(name, facts, story, protocol if isinstance(protocol, dict) else {})


def summary(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return the rows of a table: each run's settings, progress and results. Rows that no run has are left out."""
    columns = [dict(_about(run)) for run in runs]
    names = list(dict.fromkeys(name for column in columns for name in column))
    return [(name, [column.get(name, "–") for column in columns]) for name in names]


def _about(run: Run) -> Iterator[tuple[str, str]]:
    facts, budget = run.facts, run.facts.number("loop.kimg")
    yield "combination", one_line(facts.recipe)
    yield "data", one_line(str(facts.setting("data.name")))
    yield "seed", one_line(str(facts.setting("seed")))
    yield "trained", f"{facts.kimg:,.5g}{'' if budget is None else f' of {budget:,.5g}'} kimg"
    if seconds := next((record["seconds"] for record in reversed(facts.log) if "seconds" in record), None):
        yield "time", duration(seconds)
    if device := facts.provenance.get("device"):
        yield "device", one_line(str(device))
    if facts.ranking and facts.ranked:
        ranking = facts.ranking
        yield f"{ranking.title} at the end", ranking.text(facts.ranked[-1][1])
        best = min(facts.ranked, key=lambda scored: ranking.key(scored[1]))
        yield f"best {ranking.title}", f"{ranking.text(best[1])} at {best[0]:,.5g} kimg"
    late = facts.log[-max(1, len(facts.log) // 10) :]
    if (auc := mean(late, "auc")) is not None:
        yield "pairs ranked correctly", f"{auc:.1%}"
    if run.story.snapshots and (diversity := run.story.snapshots[-1].diversity) is not None:
        yield "diversity", f"{diversity:.0%} of the real images'"


def score_curves(runs: Sequence[Run]) -> list[Curve]:
    """Return a curve for each value that ranks one of the runs."""
    rankings = dict.fromkeys(run.facts.ranking for run in runs if run.facts.ranking)
    return [score_curve(ranking) for ranking in rankings]


def differences(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return the settings that differ, except the seed, the combination and the data set, which the summary shows."""
    flat = [dict(_settings(run.facts.config)) for run in runs]
    names = sorted({name for one in flat for name in one} - {"recipe", "seed", "data.name"})
    rows = [(name, [one.get(name, "–") for one in flat]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _settings(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        name = one_line(f"{prefix}{key}")
        if isinstance(value, Mapping):
            yield from _settings(value, f"{name}.")
        else:
            yield name, "null" if value is None else one_line(f"{value:g}" if isinstance(value, float) else str(value))


def incomparable(runs: Sequence[Run]) -> str:
    """Return a sentence that names the differences between the scores' protocols; "" if the scores are comparable."""
    ranked = [run for run in runs if run.facts.ranking and run.facts.ranked and run.protocol]
    scored = [run.protocol for run in ranked]
    # Older protocols lack some of the fields; a missing field is not a difference.
    differ = [name for name in PROTOCOL if len({str(one[name]) for one in scored if one.get(name) is not None}) > 1]
    if not differ:
        return ""
    titles = list(dict.fromkeys(run.facts.ranking.title for run in ranked if run.facts.ranking))
    named = f"{titles[0]}s" if len(titles) == 1 else "scores"
    return f"These {named} are not comparable: their protocols differ in {', '.join(differ)}."
