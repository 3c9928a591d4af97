"""The Python interpreter for subprocesses."""

from __future__ import annotations

import sys
from pathlib import Path


def interpreter() -> list[str]:
    """Return the command that starts this Python, to be followed by ``-m MODULE``.

    ``python -m`` looks for modules in the current directory first, which is untrusted; the option ``-P`` prevents that.
    Python 3.10 lacks it. If this process itself takes modules from the current directory, the subprocess may too.
    """
    looks_there = "" in sys.path or str(Path.cwd()) in sys.path
    return [sys.executable, *(["-P"] if sys.version_info >= (3, 11) and not looks_there else [])]
