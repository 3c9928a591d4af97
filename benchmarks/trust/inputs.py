"""Give bad inputs to ganzoo, and check that each is handled or refused as its case expects.

    python benchmarks/trust/inputs.py [--quick] [--only TABLE...] [--save]

Prints a table for each kind of input. Exits with 1 if an input is not handled, is not refused with one clean line, is
executed, takes too much memory or never ends. ``--quick`` has no effect; it exists because the other scripts have it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import bad_checkpoints
import bad_directories
import bad_formats
import bad_images
import bad_names
import bad_npz
import bad_requests
import bad_sets
import bad_weights
from cases import Case, judge, table

RESULTS = Path(__file__).parent / "results"
TABLES: dict[str, tuple[str, Callable[[], Sequence[Case]]]] = {
    "images": ("Images", bad_images.cases),
    "formats": ("BMP, TIFF and GIF", bad_formats.cases),
    "sets": ("Zips and shards", bad_sets.cases),
    "arrays": ("Arrays of samples and statistics", bad_npz.cases),
    "checkpoints": ("Checkpoints of a stranger", bad_checkpoints.cases),
    "weights": ("Registered weights", bad_weights.cases),
    "directories": ("What names a plugin, and what leads elsewhere", bad_directories.cases),
    "names": ("Names on pages, cards and terminals", bad_names.cases),
    "requests": ("Requests to the server of ganzoo play", bad_requests.cases),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same")
    parser.add_argument("--only", nargs="*", choices=TABLES, help="these tables")
    parser.add_argument("--save", action="store_true", help="keep the tables as results/inputs.md")
    options = parser.parse_args()
    texts, wrong = [], 0
    for name in options.only or TABLES:
        title, cases = TABLES[name]
        outcomes = [judge(case) for case in cases()]
        wrong += sum(not outcome.good for outcome in outcomes)
        refused = sum(outcome.fate == "refused" for outcome in outcomes)
        texts.append(f"## {title}: {len(outcomes)} inputs, {refused} of them refused\n\n{table(outcomes)}\n")
        print(texts[-1], flush=True)
    print(f"not as they should be: {wrong}")
    if options.save:
        (RESULTS / "inputs.md").write_text("\n".join([*texts, f"Not as they should be: {wrong}.\n"]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
