"""What several runs say, brought together. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.runs.reader import Facts, read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import one_line
from ganzoo.utils.waiting import counted
from ganzoo_report.curves import Curve, score_curve
from ganzoo_report.diagnosis import mean
from ganzoo_report.story import Story, read_story

SNAPSHOTS = 120  # of all runs together
PROTOCOL = ("reference", "split", "real_pictures", "fake_pictures", "network", "extractor", "truncation")


@dataclass(frozen=True)
class Run:
    """name: tells it from the others. facts, story: as its report reads them. protocol: of its last score."""

    name: str
    facts: Facts
    story: Story
    protocol: Mapping[str, Any]


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """All of them. Raises GanzooError for fewer than two, for one named twice, and for what is no run."""
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
    """The shortest piece of each path, of equally many parts, that tells it from the others; all paths differ."""
    parts = [list(place.parts) for place in places]
    while len({part[-1] for part in parts}) == 1:  # the same end says nothing: a/run, b/run
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
    """Rows of a table: what each is, how far it came, how well it did; those that no run has are left out."""
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
        yield "time", f"{seconds / 60:,.1f} min"
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
    """A curve for each value that ranks one of the runs."""
    rankings = dict.fromkeys(run.facts.ranking for run in runs if run.facts.ranking)
    return [score_curve(ranking) for ranking in rankings]


def differences(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Settings in which they differ; a seed, a combination or a data set stands in the summary already."""
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
    """In which points the scores' protocols differ, in a sentence; "" if the scores may be compared."""
    ranked = [run for run in runs if run.facts.ranking and run.facts.ranked and run.protocol]
    scored = [run.protocol for run in ranked]
    differ = [name for name in PROTOCOL if len({str(protocol.get(name)) for protocol in scored}) > 1]
    if not differ:
        return ""
    titles = list(dict.fromkeys(run.facts.ranking.title for run in ranked if run.facts.ranking))
    named = f"{titles[0]}s" if len(titles) == 1 else "scores"
    return f"These {named} are not comparable: their protocols differ in {', '.join(differ)}."
