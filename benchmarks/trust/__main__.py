"""All tables of this directory, one script after the other: ``python -m benchmarks.trust [--quick]``.

Each script prints Markdown and exits with 1 where something was lost, let in or not equal.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("faults.py", "soak.py", "devices.py", "inputs.py", "fuzz.py")


def main() -> int:
    """Whether any of them failed."""
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
