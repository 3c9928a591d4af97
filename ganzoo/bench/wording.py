"""Figures and protocols in words, the same in the Markdown and on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.bench.report import Group, Report
from ganzoo.bench.rows import BESIDE, Row, Spread

NETWORKS = {"5b79bf1ba01d239d121efbb15ac7a045b5478c99dfb1d940df6d427fa63307c6": "Inception 2015-12-05"}
NONE = "–"


@dataclass(frozen=True)
class Column:
    """``value``: what is sorted by, None where a row has none. ``text``: what is shown."""

    name: str
    value: Callable[[Row], float | None]
    text: Callable[[Row], str]
    title: str = ""


def measured(found: Spread | None, digits: int = 2, factor: float = 1.0) -> str:
    """Mean ± sample deviation, thousands separated."""
    if found is None:
        return NONE
    text = f"{found.mean * factor:,.{digits}f}"
    return text if found.deviation is None else f"{text} ± {found.deviation * factor:,.{digits}f}"


def seeds(found: Spread | None) -> str:
    """How many the mean is over."""
    return "" if found is None else f"{found.count} seed{'s' if found.count > 1 else ''}"


def shortened(count: float) -> str:
    """1,234,567 as 1.23 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:g}"


def _score(name: str, label: str, digits: int, factor: float, title: str) -> Column:
    def value(row: Row) -> float | None:
        return _mean(row.score(name))

    return Column(label, value, lambda row: measured(row.score(name), digits, factor), title)


def _mean(found: Spread | None) -> float | None:
    return found.mean if found else None


SCORES = {
    "kid_mean": _score("kid_mean", "KID × 10³", 2, 1e3, "kernel inception distance, mean over its subsets"),
    "precision": _score("precision", "Precision", 3, 1, "share of generated pictures among the real ones"),
    "recall": _score("recall", "Recall", 3, 1, "share of real pictures among the generated ones"),
}
COSTS = (
    Column("kimg", lambda row: row.first.budget.kimg, lambda row: f"{row.first.budget.kimg:,.4g}",
           "thousands of real pictures shown in training"),
    Column("Minutes", lambda row: _mean(row.minutes), lambda row: measured(row.minutes, 1), "of training alone"),
    Column("Pictures/s", lambda row: _mean(row.cost("pictures_per_second")),
           lambda row: measured(row.cost("pictures_per_second"), 0), "real pictures a second of training"),
    Column("Peak memory", lambda row: _mean(row.cost("peak_memory_mib")),
           lambda row: NONE if row.cost("peak_memory_mib") is None else f"{measured(row.cost('peak_memory_mib'), 0)} MiB",
           "of the device, or of the process on a CPU"),
    Column("Parameters", lambda row: _total(row), lambda row: _parameters(row), "generator + discriminator"),
)  # fmt: skip


def score_columns(group: Group) -> list[Column]:
    """Those beside the FID that a row of the group has."""
    return [column for name, column in SCORES.items() if any(row.score(name) for row in group.rows)]


def protocol_in_words(group: Group) -> str:
    """What decides an FID, in one line."""
    protocol = group.protocol
    if not protocol:
        return "not scored, so that no protocol is known"
    extractor = protocol.get("extractor", "exact")
    parts = [
        f"{_count(protocol.get('fake_pictures'))} generated pictures against {_count(protocol.get('real_pictures'))} "
        f"{protocol.get('split', '')} pictures of {protocol.get('reference', group.data)}",
        str(protocol.get("picture", "")),
        f"grey {protocol['grey']}" if "grey" in protocol else "",
        "" if protocol.get("classes", "none") == "none" else f"classes {protocol['classes']}",
        _network(str(protocol.get("network", ""))),
        "" if extractor == "exact" else f"extractor {extractor}",
        "" if protocol.get("truncation", 1.0) == 1.0 else f"truncation {protocol['truncation']}",
        f"resized: {protocol['resize']}" if protocol.get("resize") else "",
    ]
    return ", ".join(part for part in parts if part)


def protocol_labels(groups: Sequence[Group]) -> list[str]:
    """A short name for each group's protocol; where two of the same data would share one, with what differs."""
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
    """What a reader of any form of the leaderboard must know, one line each."""
    rows = [row for group in report.groups for row in group.rows]
    crowded = sum(not row.alone for row in rows)
    found = [
        "An FID is comparable only under the same protocol: rows are ranked within a group, never across groups. "
        "± is the sample deviation over seeds; one seed has none."
    ]
    if report.demonstrations:
        found.append(
            f"{report.demonstrations} demonstration record{'s are' if report.demonstrations > 1 else ' is'} kept off: "
            "their data is scored against its own training pictures."
        )
    if crowded:
        found.append(
            f"{crowded} row{'s were' if crowded > 1 else ' was'} trained beside others on the same machine: the times "
            "stand in the table and are left out of every comparison of times."
        )
    return found


def _differing(own: Mapping[str, Any], twins: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for twin in twins for key in twin} - BESIDE)
    return [
        f"{key} {str(own.get(key, 'none'))[:16]}"
        for key in keys
        if any(twin.get(key) != own.get(key) for twin in twins)
    ]


def _network(checksum: str) -> str:
    name = NETWORKS.get(checksum, "an Inception of unknown origin")
    return f"{name} (sha256 {checksum[:12]}…)" if checksum else ""


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"


def _total(row: Row) -> float | None:
    found = next((record.parameters for record in row.done if record.parameters), None)
    return sum(found.values()) if found else None


def _parameters(row: Row) -> str:
    found = next((record.parameters for record in row.done if record.parameters), {})
    return " + ".join(shortened(count) for count in found.values()) or NONE
