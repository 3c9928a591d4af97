"""A script that loads registration modules as the registry does, and prints the code that first imports torch.

Usage: ``python import_probe.py JSON``, with the search path and the entry points' values. Prints the file and line of
each caller, outermost first, or nothing if torch is not imported.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from types import FrameType


class Watch:
    """A finder that finds no module. The first import of torch prints its callers and ends the process."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        if name.partition(".")[0] != "torch":
            return
        frame: FrameType | None = sys._getframe(1)
        places = []
        while frame is not None:
            places.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        print(json.dumps(places[::-1]), flush=True)  # noqa: T201  the parent reads it
        os._exit(0)


def main(search_path: list[str], values: list[str]) -> None:
    sys.path[:] = search_path
    from importlib.metadata import EntryPoint

    from ganzoo.plugin.discovery import GROUP
    from ganzoo.plugin.registry import Registry

    sys.meta_path.insert(0, Watch())
    for value in values:
        Registry(strict=False).add(EntryPoint("probe", value, GROUP).load, "probe")


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
