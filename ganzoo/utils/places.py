"""Where in a plugin's own code an error arose. No torch here."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from pathlib import Path

# The packages that an error passes through but that are not a plugin's own code.
OTHERS = ("ganzoo", "torch", "numpy", "click", "rich", "pluggy", "_pytest")


def place_of(error: BaseException) -> str:
    """Return where in the plugin's own code an error arose, ``" at package/file.py:12"``, or "" if this is unknown."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if is_of_a_plugin(frame.filename):
            return f" at {short_path(frame.filename)}:{frame.lineno}"
    return ""


def is_of_a_plugin(file: str) -> bool:
    """Return whether a file of code is neither in the core, in Python's own library nor in one of ``OTHERS``."""
    path = Path(file)
    if path.suffix != ".py" or file.startswith("<"):
        return False
    own = (Path(str(sys.modules[name].__file__)).parent for name in OTHERS if name in sys.modules)
    if any(path.is_relative_to(place) for place in own):
        return False
    library, packages = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
    return path.is_relative_to(packages) or not path.is_relative_to(library)


def short_path(file: str) -> str:
    """Return a file's name with its directory: enough to find the file, and the same on every machine."""
    return "/".join(Path(file).parts[-2:])
