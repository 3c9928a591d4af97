"""The display of a run in a notebook: figures that are redrawn in place, and the newest sample grid."""

from __future__ import annotations

import io
import sys
import time
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganzoo.console.display import Display, Record, figures
from ganzoo.console.waits import Waits, in_words
from ganzoo.errors import printable
from ganzoo.utils.waiting import Wait, Watcher

WIDTH = 96  # characters
PAUSE = 0.5  # seconds between two redraws


class NotebookDisplay(Display):
    """A display of two outputs, both updated in place: progress and figures, and below them the sample grid."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO()))
        self._log: list[Record] = []
        self._shown, self._drawn = 0, 0.0
        self._figures: Any = None
        self._grid: Any = None
        self._lines: list[str] = []
        self.waited_for: dict[int, str] = {}

    def warn(self, message: str) -> None:
        self._lines.append(f"warning: {message}")
        self.redraw(force=True)

    def note(self, message: str) -> None:
        self._lines.append(message)
        self.redraw(force=True)

    def begin(self, headline: str, budget: int) -> None:
        self.budget = budget
        self._lines.append(headline)
        self.redraw(force=True)

    def progress(self, shown: int) -> None:
        self._shown = shown
        self.redraw(force=shown >= self.budget)

    def show_record(self, record: Record) -> None:
        self._log.append(record)
        self.redraw(force=True)

    def show_samples(self, image: Image.Image, words: str = "") -> None:
        if words and words not in self._lines:
            self.note(words)
        from IPython.display import display

        if self._grid is None:
            self._grid = display(image, display_id=True)
        else:
            self._grid.update(image)

    def state(self, words: str) -> None:
        self._state = words
        self.redraw(force=True)

    def scoring(self, what: str, done: int, total: int) -> None:
        self._state = f"scoring: {what} {done}/{total}"
        self.redraw(force=done >= total)

    def waits(self) -> Watcher:
        return _InNotebook(self)

    def close(self) -> None:
        self.redraw(force=True)

    def redraw(self, force: bool = False) -> None:
        """Update the output, at most twice a second unless ``force``: redrawing takes time away from training."""
        now = time.monotonic()
        if not force and now - self._drawn < PAUSE:
            return
        self._drawn = now
        from IPython.display import HTML, display

        html = HTML(self._html())
        if self._figures is None:
            self._figures = display(html, display_id=True)
        else:
            self._figures.update(html)

    def _html(self) -> str:
        console = Console(file=io.StringIO(), record=True, width=WIDTH, force_jupyter=False, emoji=False)
        for line in self._lines:
            console.print(line, highlight=False, markup=False)
        for words in list(self.waited_for.values()):
            console.print(words, highlight=False, markup=False)
        if self.budget:
            amount = f"{self._shown / 1000:.1f}/{self.budget / 1000:g} kimg"
            console.print(f"{self._state}  {amount}", highlight=False, markup=False)
        table = Table.grid(padding=(0, 2))
        for name, value in figures(self._log):
            table.add_row(Text(name), Text(value, no_wrap=True))
        console.print(table)
        return console.export_html(inline_styles=True, code_format='<pre style="line-height: 1.3">{code}</pre>')


class _InNotebook(Waits):
    """A watcher that shows each wait as a line above the figures."""

    def __init__(self, display: NotebookDisplay) -> None:
        super().__init__()
        self._display = display

    def show(self, wait: Wait, seconds: float) -> None:
        self._display.waited_for[id(wait)] = printable(f"{wait.what}: {in_words(wait, seconds)}")
        self._display.redraw()

    def end(self, wait: Wait, seconds: float, finished: bool) -> None:
        if self._display.waited_for.pop(id(wait), None) is not None:
            self._display.redraw()


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
