"""Write ``docs/breaking.md``: ``python docs/make_breaking.py``.

The script installs each broken plugin in addition to the zoo's own plugins. The messages are the actual output of the
command line or of the conformance kit.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ganzoo.cli.main import main as ganzoo
from ganzoo.testing.conformance import plan

sys.path.insert(0, str(Path(__file__).parent))
import broken_plugins
import broken_training
from broken_plugins import Way

WAYS = (*broken_plugins.WAYS, *broken_training.WAYS)
FILE = Path(__file__).with_name("breaking.md")
DISTRIBUTION, MODULE = "ganzoo-broken", "ganzoo_broken"

HEAD = """\
# Common plugin mistakes

`python docs/make_breaking.py` installs each of these plugins as `ganzoo-broken` 1.0 and records the messages. A
broken plugin does not stop the others. `ganzoo run` refuses an impossible run before it starts. `ganzoo plugins
check` finds faults that would show only later.

"""


def page() -> str:
    """Return the content of ``breaking.md``."""
    table, sections = ["| | where | message |", "| --- | --- | --- |"], []
    for number, way in enumerate(WAYS, 1):
        for where, message in seen(way):
            anchor = way.title.lower().replace(" ", "-")
            table.append(f"| [{number}. {way.title}](#{anchor}) | `{where}` | {_escape(message)} |")
        sections.append(f"## {way.title}\n\n`ganzoo_broken/{way.shown}`\n```python\n{way.files[way.shown]}```\n")
    return HEAD + "\n".join(table) + "\n\n" + "\n".join(sections)


def seen(way: Way) -> list[tuple[str, str]]:
    """Return the command and the message for each place where a broken plugin is noticed."""
    with installed(way.files):
        found = [(f"ganzoo {command.partition(' generator.width')[0]}", said(command)) for command in way.commands]
        if way.checks:
            cases = {case.name: case for case in plan(DISTRIBUTION).cases}
            found += [("ganzoo plugins check", f"{name}: {cases[name].result().message}") for name in way.checks]
    return found


@contextlib.contextmanager
def installed(files: dict[str, str]) -> Iterator[None]:
    """Install a plugin for the time of a block, as pip would.

    It is in a temporary directory, which is the current directory and on the module search path.
    """
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        package, info = Path(scratch) / MODULE, Path(scratch) / f"{MODULE}-1.0.dist-info"
        package.mkdir()
        info.mkdir()
        for name, text in files.items():
            (package / name).write_text(text)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ganzoo]\nbroken = {MODULE}\n")
        sys.path.insert(0, scratch)
        importlib.invalidate_caches()
        os.chdir(scratch)
        try:
            yield
        finally:
            os.chdir(before)
            sys.path.remove(scratch)
            for module in [name for name in sys.modules if name.partition(".")[0] == MODULE]:
                del sys.modules[module]


def said(command: str) -> str:
    """Run a command of ganzoo. Return the last line that it writes to standard error."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        ganzoo(command.split())
    return error.getvalue().strip().splitlines()[-1]


def _escape(message: str) -> str:
    return f"`{message}`".replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
