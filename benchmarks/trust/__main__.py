"""Run all scripts of this directory, one after the other: ``python -m benchmarks.trust [--quick]``.

Each script prints Markdown and exits with 1 if a check failed. This script exits with 1 if any of them failed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("faults.py", "soak.py", "devices.py", "inputs.py", "fuzz.py")


def main() -> int:
    """Run the scripts. Return 1 if any of them failed, else 0."""
    failed = []
    for script in SCRIPTS:
        print(f"# {script}\n", flush=True)
        if subprocess.run([sys.executable, str(HERE / script), *sys.argv[1:]], check=False).returncode:
            failed.append(script)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
