"""Write the table in benchmarks/README.md from the records: ``python benchmarks/table.py``."""

from __future__ import annotations

from pathlib import Path

from ganzoo.bench.record import Record, is_older, read_record, record_files

HERE = Path(__file__).parent
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = (
    "| combination | seed | minutes | FID | KID | precision | recall | kimg | images/s | generator steps | threads"
    " | samples |"
)
OTHERS = {"kid_mean": 4, "precision": 2, "recall": 2}  # other scores, with their digits


def row(file: Path, record: Record) -> str:
    """Return one row of the table. A failed combination has the reason instead of figures."""
    if record.status == "failed" or record.cost is None:
        return f"| `{record.recipe}` | {record.seed} | failed: {record.reason} | | | | | | | | | |"
    cells = [
        f"`{record.recipe}`",
        f"{record.seed}",
        f"{record.cost.training_seconds / 60:.1f}",
        f"{record.scores['fid']:.2f}",
        *(f"{record.scores[name]:.{digits}f}" if name in record.scores else "" for name, digits in OTHERS.items()),
        f"{record.shown / 1000:.0f}",
        f"{record.cost.pictures_per_second:.0f}",
        f"{record.steps_generator:,}",
        f"{record.hardware.threads}",
        f"[grid]({file.with_name(record.samples or '').relative_to(HERE).as_posix()})",
    ]
    return f"| {' | '.join(cells)} |"


def tables(records: list[tuple[Path, Record]]) -> str:
    """Return one table for each grid, the longest budget first; the rows of a table are sorted by FID.

    Each grid has its own table because figures of different protocols cannot be compared.
    """
    grids: dict[str, list[tuple[Path, Record]]] = {}
    for file, record in sorted(
        records, key=lambda pair: (-(pair[1].budget.minutes or 0), pair[1].scores.get("fid", 1e9))
    ):
        grids.setdefault(record.grid, []).append((file, record))
    parts = []
    for grid, rows in grids.items():
        fakes = ", ".join(sorted({f"{record.protocol['fake_pictures']:,}" for _, record in rows if record.protocol}))
        lines = [HEAD, "| --- " * (HEAD.count("|") - 1) + "|", *(row(*pair) for pair in rows)]
        parts.append(f"`{grid}`, FID of {fakes} generated images:\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def main() -> None:
    results = HERE / "results"
    records = [(file, read_record(file)) for file in record_files(results)]
    older = [pair for pair in records if is_older(pair[0], results)]
    text = tables([pair for pair in records if pair not in older])
    if older:
        text += f"\n\n<details><summary>Older rows</summary>\n\n{tables(older)}\n\n</details>"
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
