"""A fresh virtual environment that uses the packages installed here, so that nothing is downloaded."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def fresh_environment(venv: Path, *beside: Path) -> dict[str, str]:
    """Create the environment. Return the environment variables of its processes, with its programs on the PATH.

    Of this checkout, only the directories ``beside`` are on its module search path.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    outer = [sysconfig.get_path("purelib"), *filter(None, sys.path)]
    seen = [*map(str, beside), *(path for path in outer if not _of_this_checkout(Path(path)))]
    (site,) = (venv / "lib").glob("python*/site-packages")
    (site / "outer.pth").write_text("\n".join(dict.fromkeys(seen)) + "\n")
    write_script(venv, "pip", "-m pip")
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return {
        **inherited,
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_BUILD_ISOLATION": "0",  # "0" turns isolation off: hatchling is installed here
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }


def write_script(venv: Path, name: str, line: str) -> None:
    """Write a command that runs the environment's Python with the arguments in ``line``."""
    script = venv / "bin" / name
    script.write_text(f'#!/bin/sh\nexec "{venv}/bin/python" {line} "$@"\n')
    script.chmod(0o755)


def _of_this_checkout(path: Path) -> bool:
    """Return whether a path is in this checkout, but not in the current environment, which may be in the checkout."""
    return path.is_relative_to(ROOT) and not path.is_relative_to(sys.prefix)
