"""Check that faults lose nothing: runs are killed, their writes fail, their files are damaged, their clock jumps.

    python benchmarks/trust/faults.py [--kills 100] [--seed 0] [--quick] [--save]

Prints four tables. Each run is resumed after its fault. It counts as lost if its final weights, optimizers, random
state, log or scores are not bit for bit those of an undisturbed run. Exits with 1 if any run was lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from campaign import Campaign, table
from damage import damage
from kills import kills
from others import others
from refused import full_disk, refused

from ganzoo.plugin.registry import Registry

RESULTS = Path(__file__).parent / "results"


TITLES = {
    "kills": "Killed and gone on with",
    "refused": "Writes refused (ENOSPC, EIO)",
    "damage": "Files cut short, and with one bit changed",
    "others": "Other faults",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a selection: 3 kills, 3 refused writes, 2 damaged files")
    parser.add_argument("--only", nargs="*", choices=TITLES, help="these tables")
    parser.add_argument("--save", action="store_true", help="keep the tables under results/")
    options = parser.parse_args()
    quick, lost = options.quick, 0
    with tempfile.TemporaryDirectory(prefix="ganzoo-faults-") as scratch:
        registry = Registry.load(strict=True)
        if quick:  # a report takes longer than the run, and no table needs it
            registry._manager.unregister(name="ganzoo:report")
        campaign = Campaign(
            Path(scratch), options.seed, registry, lambda line: print(line, file=sys.stderr, flush=True)
        )
        tables = {
            "kills": lambda: kills(campaign, 3 if quick else options.kills),
            "refused": lambda: [*refused(campaign, 3 if quick else None), *full_disk(campaign)],
            "damage": lambda: damage(campaign, 2 if quick else None),
            "others": lambda: others(campaign),
        }
        for name in options.only or tables:
            rows = list(tables[name]())
            lost += sum(row.lost for row in rows)
            text = f"## {TITLES[name]}\n\n{table(rows)}\n"
            print(text, flush=True)
            if options.save:
                RESULTS.mkdir(exist_ok=True)
                (RESULTS / f"faults-{name}.md").write_text(f"Seed {options.seed}.\n\n{text}")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
