"""A metrics sink from outside of the project: it writes the figures of each interval to RUN/intervals.csv.

A resumed run continues from its newest checkpoint and logs the later intervals again. The sink replaces their rows.
"""

from __future__ import annotations

import csv
from pathlib import Path

from ganzoo import hookimpl

NAME = "intervals.csv"


@hookimpl
def interval_logged(run: Path, record: dict) -> None:
    file = run / NAME
    rows = []
    if file.exists():
        with file.open(newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if float(row["kimg"]) < record["kimg"]]
    columns = [*record, *(name for row in rows[:1] for name in row if name not in record)]
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, columns, restval="")
        writer.writeheader()
        writer.writerows([*rows, record])
