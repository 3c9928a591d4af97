"""What the terminal shows of a run: live where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich_pixels import Pixels

from ganzoo import ranks
from ganzoo.config import Config
from ganzoo.folder import RunFolder
from ganzoo.sampling import GRID

CELL = 32  # characters that one picture may be wide


class Display:
    """Plain lines: one per log interval."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.budget = 0
        self._scoring_since = 0.0

    def warn(self, message: str) -> None:
        """One line about something that did not stop the run."""
        self.console.print(f"[yellow]warning:[/] {_escape(message)}", soft_wrap=True, highlight=False)

    @contextmanager
    def running(self, folder: RunFolder, config: Config, budget: int) -> Iterator[None]:
        """Around the whole run."""
        self.budget = budget
        self.console.print(
            f"{config.recipe} on {config.values.data.name}, {budget / 1000:g} kimg, into {folder.path}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
        yield

    def progress(self, shown: int) -> None:
        """After each iteration."""

    def record(self, record: dict[str, Any]) -> None:
        """After each log interval."""
        self.console.print(_line(record, self.budget), highlight=False, soft_wrap=True, markup=False)

    def samples(self, image: Image.Image) -> None:
        """After each snapshot: the grid from fixed latents."""

    def scoring(self, what: str, done: int, total: int) -> None:
        """While scoring; at most a line every ten seconds."""
        if done >= total or time.monotonic() - self._scoring_since > 10:
            self._scoring_since = time.monotonic()
            self.console.print(f"scoring: {what} {done}/{total}", highlight=False, markup=False)


class LiveDisplay(Display):
    """Progress, speed, time left, losses, accuracies and the current samples, redrawn in place."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("training", total=None, amount="")
        self._table: RenderableType = ""
        self._picture: RenderableType = ""
        self._live: Live | None = None
        self._drawn = 0.0

    @contextmanager
    def running(self, folder: RunFolder, config: Config, budget: int) -> Iterator[None]:
        with super().running(folder, config, budget):
            self._progress.update(self._task, total=budget)
            with Live(console=self.console, refresh_per_second=4, get_renderable=self._render) as self._live:
                yield

    def progress(self, shown: int) -> None:
        now = time.monotonic()
        if now - self._drawn > 0.2:  # redrawing costs time that belongs to the training
            self._drawn = now
            self._progress.update(self._task, completed=shown, amount=f"{shown / 1000:.1f}/{self.budget / 1000:g} kimg")

    def record(self, record: dict[str, Any]) -> None:
        table = Table.grid(padding=(0, 2))
        for name, value in _figures(record):
            table.add_row(f"[dim]{name}[/]", value)
        self._table = table

    def samples(self, image: Image.Image) -> None:
        # A character is one pixel wide and two high: rather few pictures that can be seen than all of them.
        scale = min(1.0, GRID * CELL / image.width)
        scaled = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BOX)
        cell = scaled.width / GRID
        columns = max(1, int((self.console.width - 6) / cell))
        rows = max(1, int(2 * (self.console.height - 12) / cell))
        self._picture = Pixels.from_image(scaled.crop((0, 0, int(columns * cell), int(min(rows, 3) * cell))))

    def scoring(self, what: str, done: int, total: int) -> None:
        self._progress.update(
            self._task, description=f"scoring: {what}", completed=done, total=total, amount=f"{done}/{total}"
        )

    def _render(self) -> RenderableType:
        return Group(Panel(Group(self._picture, self._table), border_style="dim"), self._progress)


def make_display(console: Console | None = None) -> Display:
    """The live display in a terminal, plain lines elsewhere; of several ranks only the first shows anything."""
    console = console or Console(quiet=ranks.here().rank > 0)
    return LiveDisplay(console) if console.is_terminal else Display(console)


def _figures(record: dict[str, Any]) -> list[tuple[str, str]]:
    """What a record says, in the words of the lesson."""
    rows = [
        ("speed", f"{record['pictures_per_second']:.0f} pictures/s"),
        ("loss", f"discriminator {record['loss_discriminator']:.3f}   generator {record['loss_generator']:.3f}"),
    ]
    if "accuracy_real" in record:
        rows.append(("accuracy", f"real {record['accuracy_real']:.0%}   generated {record['accuracy_fake']:.0%}"))
    rows.append(("ranked rightly", f"{record['auc']:.1%} of real/generated pairs (50% = cannot tell them apart)"))
    return rows


def _line(record: dict[str, Any], budget: int) -> str:
    left = (budget - record["shown"]) / record["pictures_per_second"]
    accuracy = (
        f"acc real {record['accuracy_real']:4.0%} fake {record['accuracy_fake']:4.0%}  "
        if "accuracy_real" in record
        else ""
    )
    speed = f"{record['pictures_per_second']:6.0f} pictures/s  {math.ceil(left):4d} s left"
    return (
        f"{record['kimg']:8.1f} kimg  D {record['loss_discriminator']:8.3f}  G {record['loss_generator']:8.3f}  "
        f"{accuracy}auc {record['auc']:.3f}  {speed}"
    )


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
