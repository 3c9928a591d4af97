"""Texts for figures and protocols, for both the Markdown and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.bench.leaderboard.board import Group, Report
from ganzoo.bench.leaderboard.machines import Machine, Runs, Spread
from ganzoo.bench.leaderboard.protocols import BESIDE, is_conditional
from ganzoo.bench.leaderboard.rows import Row
from ganzoo.runs.ranking import Ranking

NETWORKS = {"5b79bf1ba01d239d121efbb15ac7a045b5478c99dfb1d940df6d427fa63307c6": "Inception 2015-12-05"}
LEFT_OUT = ("_std", "f_score")  # suffixes of secondary values, which get no column
NONE = "–"
OLDER_TITLE = "Older rows"
OLDER_NOTE = "Grids at earlier protocols and budgets, kept and verifiable; they are not continued."


@dataclass(frozen=True)
class Column:
    """A column of the table.

    value: the number to sort by; None if a row has none. text: the text to show.
    """

    name: str
    value: Callable[[Row], float | None]
    text: Callable[[Row], str]
    title: str = ""


@dataclass(frozen=True)
class Cost:
    """A cost of training on one machine. It is never averaged over machines."""

    name: str
    get: Callable[[Machine], Spread | None]
    title: str
    digits: int = 0
    unit: str = ""

    def text(self, machine: Machine) -> str:
        found = self.get(machine)
        return NONE if found is None else f"{found.mean:,.{self.digits}f}{self.unit}"


def measured(found: Spread | None, digits: int = 2, factor: float = 1.0) -> str:
    """Return mean ± sample deviation as text, with thousands separators; a dash without values."""
    if found is None:
        return NONE
    text = f"{found.mean * factor:,.{digits}f}"
    return text if found.deviation is None else f"{text} ± {found.deviation * factor:,.{digits}f}"


def seeds(found: Spread | None) -> str:
    """Return the number of seeds in words; "" without values."""
    return "" if found is None else f"{found.count} seed{'s' if found.count > 1 else ''}"


def shortened(count: float) -> str:
    """Return a number in short form: 1,234,567 is 1.23 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:g}"


def _column(
    name: str, get: Callable[[Row], Spread | None], title: str, *, digits: int = 0, factor: float = 1.0
) -> Column:
    def value(row: Row) -> float | None:
        found = get(row)
        return found.mean if found else None

    return Column(name, value, lambda row: measured(get(row), digits, factor), title)


SCORES = {
    "kid_mean": _column(
        "KID × 10³",
        lambda row: row.score("kid_mean"),
        "kernel inception distance, the mean over its subsets",
        digits=2,
        factor=1e3,
    ),
    "precision": _column(
        "Precision",
        lambda row: row.score("precision"),
        "share of generated images that fall among the real ones",
        digits=3,
    ),
    "recall": _column(
        "Recall", lambda row: row.score("recall"), "share of real images that fall among the generated ones", digits=3
    ),
}
KIMG = Column("kimg", lambda row: row.first.budget.kimg, lambda row: f"{row.first.budget.kimg:,.5g}",
              "thousands of real images shown in training")  # fmt: skip
PARAMETERS = Column("Parameters", lambda row: sum(_parameters(row).values()) or None,
                    lambda row: " + ".join(map(shortened, _parameters(row).values())) or NONE,
                    "generator + discriminator")  # fmt: skip
MINUTES = Cost("Minutes", lambda machine: machine.minutes, "of training alone", 1)
SPEED = Cost("Images/s", lambda machine: machine.cost("pictures_per_second"), "real images a second of training")
MEMORY = Cost("Memory", lambda machine: machine.cost("peak_memory_mib"),
              "peak of the device, or of the process on a CPU", unit=" MiB")  # fmt: skip


def machine_names(row: Row) -> list[str]:
    """Return the hardware class of each machine of a row.

    Machines of the same class are distinguished by device name, precision and number of simultaneous runs, if these
    differ.
    """
    names = []
    for machine in row.machines:
        twins = [other for other in row.machines if other.hardware == machine.hardware]
        parts = [machine.device] if len({other.device for other in twins}) > 1 else []
        if len({other.precision for other in twins}) > 1:
            parts.append(machine.precision)
        if len({other.side_by_side for other in twins}) > 1:
            parts.append(machine.company)
        names.append(f"{machine.hardware} ({', '.join(parts)})" if parts else machine.hardware)
    return names


def score_columns(group: Group) -> list[Column]:
    """Return the columns of all scores in the group other than the ranking value."""
    ranking = group.ranking.value if group.ranking else ""
    there = dict.fromkeys(name for row in group.rows for record in row.done for name in record.scores)
    others = [name for name in there if name not in SCORES and not name.endswith(LEFT_OUT)]
    names = [*(name for name in SCORES if name in there), *others]
    return [SCORES.get(name) or _plain_column(name) for name in names if name != ranking]


def _plain_column(name: str) -> Column:
    return _column(Ranking(name).title, lambda row: row.score(name), "", digits=3)


def score_title(group: Group) -> str:
    """Return the heading of the ranking value."""
    return group.ranking.title if group.ranking else "Score"


def score_text(group: Group, runs: Runs) -> str:
    """Return the ranking value over seeds as text: two decimals, or four if the mean is below 1."""
    return measured(group.ranked(runs), _digits(group, runs))


def seed_texts(group: Group, runs: Runs) -> list[tuple[int, str]]:
    """Return each seed with its value as text, with as many decimals as :func:`score_text`."""
    return [(seed, f"{value:,.{_digits(group, runs)}f}") for seed, value in group.seeds(runs)]


def each_seed(group: Group, runs: Runs) -> str:
    """Return the values of all seeds, in the order of the seeds; "" for fewer than two."""
    texts = [text for _, text in seed_texts(group, runs)]
    return ", ".join(texts) if len(texts) > 1 else ""


def _digits(group: Group, runs: Runs) -> int:
    found = group.ranked(runs)
    return 2 if found is None or abs(found.mean) >= 1 else 4


def protocol_in_words(group: Group) -> str:
    """Return the protocol of a group in one line."""
    protocol = group.protocol
    if not protocol:
        return "not scored, so the protocol is unknown"
    extractor = protocol.get("extractor", "exact")
    parts = [
        f"{_count(protocol.get('fake_pictures'))} generated images against {_count(protocol.get('real_pictures'))} "
        f"{protocol.get('split', '')} images of {protocol.get('reference', group.data)}",
        str(protocol.get("picture", "")),
        f"grey {protocol['grey']}" if "grey" in protocol else "",
        f"class-conditional, classes {protocol['classes']}" if is_conditional(protocol) else "",
        _network(protocol),
        "" if extractor == "exact" else f"extractor {extractor}",
        "float32 in TF32" if protocol.get("tf32") else "",
        "" if protocol.get("truncation", 1.0) == 1.0 else f"truncation {protocol['truncation']}",
        f"resized: {protocol['resize']}" if protocol.get("resize") else "",
    ]
    return ", ".join(part for part in parts if part)


def protocol_labels(groups: Sequence[Group]) -> list[str]:
    """Return a short name for each group's protocol.

    If several groups of the same data would share a name, the fields that differ are added to it.
    """
    short = [
        f"{_count(g.protocol.get('fake_pictures'))} against {_count(g.protocol.get('real_pictures'))} "
        f"{g.protocol.get('split', '')}".strip()
        if g.protocol
        else "not scored"
        for g in groups
    ]
    labels = []
    for label, group in zip(short, groups, strict=True):
        twins = [g.protocol for g, other in zip(groups, short, strict=True) if (g.data, other) == (group.data, label)]
        labels.append(", ".join([label, *_differing(group.protocol, twins)]))
    return labels


def notes(report: Report) -> list[str]:
    """Return the notes for readers of the Markdown and the page, one line each."""
    rows = [row for group in report.all_groups for row in group.rows]
    crowded = sum(any(not machine.alone for machine in row.machines) for row in rows)
    found = [
        "A score is comparable only under the same protocol: rows are ranked within a group, never across groups. "
        "± is the sample deviation over seeds; one seed has none.",
        "One combination is better than another only if their seeds separate (two seeds or more of each, all of one "
        "better than all of the other) and the 95 % interval of the difference excludes zero. The command ganzoo bench "
        "compare A B compares any two.",
    ]
    if report.demonstrations:
        found.append(
            f"Left out: {report.demonstrations} demonstration record{'s' if report.demonstrations > 1 else ''}, "
            "scored against the data that was trained on."
        )
    if crowded:
        found.append(
            f"{crowded} row{'s were' if crowded > 1 else ' was'} trained beside others on the same machine: "
            "their times are in the table but in no comparison of times."
        )
    return found


def _differing(own: Mapping[str, Any], twins: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for twin in twins for key in twin} - BESIDE)
    return [
        ("class-conditional" if is_conditional(own) else "unconditional")
        if key == "classes"
        else f"{key} {str(own.get(key, 'none'))[:16]}"
        for key in keys
        if any(twin.get(key) != own.get(key) for twin in twins)
    ]


def _network(protocol: Mapping[str, Any]) -> str:
    checksum = str(protocol.get("network", ""))
    name = NETWORKS.get(checksum) or protocol.get("network_name", "an Inception of unknown origin")
    return f"{name} (sha256 {checksum[:12]}…)" if checksum else ""


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"


def _parameters(row: Row) -> Mapping[str, int]:
    return next((record.parameters for record in row.done if record.parameters), {})
