"""Nothing lost: a run killed, refused its writes, damaged and misled, and what is left of it each time.

    python benchmarks/trust/faults.py [--kills 100] [--seed 0] [--quick] [--save]

Prints four tables. A run counts as lost where what it ends with after it was gone on with is not, bit for bit, what an
undisturbed one ends with: weights, optimizers, random state, log, scores. Exits with 1 where one was lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from campaign import Campaign, Row, table
from damage import damage
from kills import kills
from others import others
from refused import full_disk, refused

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a selection: 4 kills, 4 refused writes, 3 damaged files")
    parser.add_argument("--only", nargs="*", choices=("kills", "refused", "damage", "others"))
    parser.add_argument("--save", action="store_true", help="keep the tables under results/")
    options = parser.parse_args()
    chosen = options.only or ("kills", "refused", "damage", "others")
    with tempfile.TemporaryDirectory(prefix="ganzoo-faults-") as scratch:
        campaign = Campaign(Path(scratch), options.seed, lambda line: print(line, file=sys.stderr, flush=True))
        tables: dict[str, list[Row]] = {}
        if "kills" in chosen:
            tables["Killed and gone on with"] = list(kills(campaign, 4 if options.quick else options.kills))
        if "refused" in chosen:
            injected = list(refused(campaign, 4 if options.quick else None))
            tables["Writes refused (ENOSPC, EIO)"] = [*injected, *full_disk(campaign)]
        if "damage" in chosen:
            tables["Files cut short, and with one bit changed"] = list(damage(campaign, 3 if options.quick else None))
        if "others" in chosen:
            tables["Other faults"] = list(others(campaign))
    text = "".join(f"## {title}\n\n{table(rows)}\n\n" for title, rows in tables.items())
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "faults.md").write_text(f"Seed {options.seed}.\n\n{text}")
    return int(any(row.lost for rows in tables.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
