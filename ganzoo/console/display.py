"""The display of a run: redrawn in place on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ganzoo.console.images import images, sparkline
from ganzoo.console.messages import Messages, showing
from ganzoo.console.waits import Bars, on_stderr
from ganzoo.distributed import collectives
from ganzoo.errors import printable
from ganzoo.runs.grid_classes import caption, newest_grid
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.callbacks import Callback
from ganzoo.utils.image_grid import cut
from ganzoo.utils.kimg import images_of
from ganzoo.utils.waiting import Watcher, watched_by, watcher

Record = Mapping[str, Any]
CURVE = 24  # characters of a sparkline
AROUND = 6  # columns left and right of the images
BELOW = 10  # lines that are not images
TRAINING = "training"


class Display(Callback):
    """A display of plain lines: one per log interval, one per warning or note."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.budget = 0
        self._messages = Messages(self.warn, self.note)
        self._state = TRAINING
        self._scoring_since = 0.0

    def warn(self, message: str) -> None:
        """Print a line about something that did not stop the run."""
        words = f"[yellow]warning:[/] {escape(printable(message))}"
        self.console.print(words, soft_wrap=True, highlight=False, emoji=False)

    def note(self, message: str) -> None:
        """Print a line about what happens next."""
        self._print(printable(message))

    def _print(self, line: str) -> None:
        """Print a line as it is, on one line; rich would replace names between colons by emoji."""
        self.console.print(line, highlight=False, soft_wrap=True, markup=False, emoji=False)

    @contextmanager
    def watching(self) -> Iterator[None]:
        waits = self.waits()
        with showing(self._messages), watched_by(waits):
            try:
                yield
            finally:
                waits.close()
                self.close()

    def waits(self) -> Watcher:
        """Return the watcher that shows long waits: the command line's own, otherwise lines or bars on stderr."""
        return watcher() or on_stderr()

    def run_started(self, run: Path, config: Mapping[str, Any]) -> None:
        budget = images_of(config["loop"]["kimg"])
        self.begin(f"{config['recipe']} on {config['data']['name']}, {budget / 1000:g} kimg, into {run}", budget)

    def run_finished(self, run: Path, score: Mapping[str, Any]) -> None:
        self.close()

    def run_stopped(self, run: Path, reason: str) -> None:
        self.close()

    def begin(self, headline: str, budget: int) -> None:
        """Print the headline of a run. budget: the number of images to train on."""
        self.budget = budget
        self._print(printable(headline))

    def close(self) -> None:
        """Release the terminal; a second call does nothing."""

    def past(self, log: Sequence[Record]) -> None:
        """Show the last of the records that were logged before this display started."""
        for record in log[-1:]:
            self.show_record(record)

    def interval_logged(self, run: Path, record: Record) -> None:
        self.show_record(record)

    def snapshot_taken(self, run: Path, kimg: float, image: Image.Image) -> None:
        directory = RunDir(run)
        newest = newest_grid(directory)
        self.show_samples(image, caption(directory, newest.stem) if newest else "")

    def show_record(self, record: Record) -> None:
        """Show a record of the log."""
        self._print(_line(record, self.budget))

    def show_samples(self, image: Image.Image, words: str = "") -> None:
        """Show the grid from fixed latents, and below it the order of its classes in words."""

    def state(self, words: str) -> None:
        """Show what the run is doing, if that has changed."""
        if words != self._state:
            self._state = words
            self._print(words)

    def scoring(self, what: str, done: int, total: int) -> None:
        """Print the progress of scoring, at most every ten seconds and at the end."""
        if done >= total or time.monotonic() - self._scoring_since > 10:
            self._scoring_since = time.monotonic()
            self._print(f"scoring: {what} {done}/{total}")


class LiveDisplay(Display):
    """A display of progress, speed, time left, losses, accuracies and the current samples, redrawn in place."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task(TRAINING, total=None, amount="")
        self._log: list[Record] = []
        self._cells: np.ndarray | None = None
        self._drawn_for = (0, 0)
        self._words = ""
        self._image: RenderableType = Text("The first images come with the first snapshot.")
        self._drawn = 0.0
        self._begun = False
        self._live = Live(console=self.console, refresh_per_second=4, get_renderable=self._render)

    def begin(self, headline: str, budget: int) -> None:
        super().begin(headline, budget)
        self._progress.update(self._task, total=budget)
        self._live.start(refresh=True)

    def close(self) -> None:
        self._live.stop()

    def waits(self) -> Watcher:
        return _InLive(self._live, self._progress)

    def progress(self, shown: int) -> None:
        now = time.monotonic()
        if not self._begun:  # images from before a resume must not count for the speed
            self._begun = True
            self._progress.reset(self._task, completed=shown)
        if now - self._drawn > 0.2 or shown >= self.budget:  # redrawing takes time away from training
            self._drawn = now
            self._progress.update(self._task, completed=shown, amount=f"{shown / 1000:.1f}/{self.budget / 1000:g} kimg")

    def past(self, log: Sequence[Record]) -> None:
        self._log.extend(log)

    def show_record(self, record: Record) -> None:
        self._log.append(record)

    def show_samples(self, image: Image.Image, words: str = "") -> None:
        self._cells, self._drawn_for, self._words = cut(image), (0, 0), printable(words)

    def state(self, words: str) -> None:
        self._progress.update(self._task, description=words)

    def scoring(self, what: str, done: int, total: int) -> None:
        self._progress.update(
            self._task, description=f"scoring: {what}", completed=done, total=total, amount=f"{done}/{total}"
        )

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name, value in figures(self._log, self.console.options.ascii_only):
            table.add_row(f"[dim]{name}[/]", Text(value, no_wrap=True, overflow="ellipsis"))
        return Group(Panel(Group(self._samples(), table), border_style="dim"), self._progress)

    def _samples(self) -> RenderableType:
        """Return the samples and their caption; draw them again if they or the size of the terminal changed."""
        size = width, height = self.console.size
        if self._cells is not None and size != self._drawn_for:
            below = BELOW + bool(self._words)
            self._image = images(self._cells, width - AROUND, height - below, self.console)
            self._drawn_for = size
        if not self._words:
            return self._image
        return Group(self._image, Text(self._words, "dim", no_wrap=True, overflow="ellipsis"))


class _InLive(Bars):
    """Bars that join the live display, below the training's bar: a terminal can show only one live display."""

    def __init__(self, live: Live, progress: Progress) -> None:
        super().__init__()
        self._live, self._inside = live, progress

    def start(self) -> Progress:
        return self._inside if self._live.is_started else super().start()

    def stop(self, progress: Progress) -> None:
        if progress is not self._inside:
            super().stop(progress)


def make_display(console: Console | None = None) -> Display:
    """Return the live display in a terminal, plain lines elsewhere. Only the first rank shows anything."""
    console = console or Console(quiet=not collectives.first())
    return LiveDisplay(console) if console.is_terminal else Display(console)


def figures(log: Sequence[Record], ascii_only: bool = False) -> list[tuple[str, str]]:
    """Return names and texts of the last record's figures, in plain words; shares come with their curve so far."""
    if not log:
        return []
    last = log[-1]

    def share(name: str, words: str) -> str:
        course = sparkline([record[name] for record in log if name in record], CURVE, 0, 1, ascii_only)
        return f"{last[name]:6.1%}  {course}  {words}"

    rows = []
    if "pictures_per_second" in last:
        rows.append(("speed", f"{last['pictures_per_second']:.0f} images/s"))
    if "loss_discriminator" in last and "loss_generator" in last:
        losses = f"discriminator {last['loss_discriminator']:.3f}   generator {last['loss_generator']:.3f}"
        rows.append(("loss", losses))
    if "accuracy_real" in last and "accuracy_fake" in last:
        rows.append(("real", share("accuracy_real", "classified correctly")))
        rows.append(("fake", share("accuracy_fake", "classified correctly")))
    if "auc" in last:
        rows.append(("pairs", share("auc", "ranked correctly (50%: a guess)")))
    return rows


def _line(record: Record, budget: int) -> str:
    forms = {
        "kimg": "{:8.1f} kimg",
        "loss_discriminator": "D {:8.3f}",
        "loss_generator": "G {:8.3f}",
        "accuracy_real": "acc real {:4.0%}",
        "accuracy_fake": "fake {:4.0%}",
        "auc": "auc {:.3f}",
        "pictures_per_second": "{:6.0f} images/s",
    }
    parts = [form.format(record[name]) for name, form in forms.items() if name in record]
    if speed := record.get("pictures_per_second"):
        left = max(0.0, budget - record["kimg"] * 1000) / speed
        parts += [f"{math.ceil(left):4d} s left"] if math.isfinite(left) else []
    return "  ".join(parts)
