"""Shows a run from another process. It reads the run's directory and writes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ganzoo.console.display import TRAINING, Display
from ganzoo.errors import GanzooError
from ganzoo.runs.grid_classes import caption, newest_grid
from ganzoo.runs.reader import Facts, read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.lock import is_free

PAUSE = 1.0  # seconds between two reads of the run
QUIET = 60.0  # a run counts as quiet only after this many seconds without a line of the log ...
LATE = 5.0  # ... and after this many times the mean time of a line so far

STOPPED = "stopped before its score was written; `ganzoo resume` computes it"


def watch(
    directory: RunDir,
    display: Display,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> Mapping[str, Any]:
    """Show a run until it has ended, as ``ganzoo run`` does, and return its score; empty if it has none.

    Raises GanzooError if the run's configuration cannot be read or has no ``loop.kimg``.
    """
    facts = _read(directory)
    budget = facts.number("loop.kimg")
    if not budget:
        raise GanzooError(f"{directory.config_file} is damaged: it has no loop.kimg; restore it")
    headline = f"{facts.recipe} on {facts.setting('data.name')}, {budget:g} kimg, in {directory.path}"
    with display.watching():
        display.begin(headline, math.ceil(budget * 1000))
        display.past(facts.log)
        seen, shown = len(facts.log), None
        while True:
            for record in facts.log[seen:]:
                display.show_record(record)
            seen = len(facts.log)  # fewer than before if a resumed run has dropped some
            display.progress(round(facts.kimg * 1000))
            shown = _show_newest(directory, shown, display)
            if ended(directory, facts):
                display.state("finished")
                return directory.last_score()
            stopped = facts.finished and is_free(directory.path) and not ended(directory, facts)
            display.state(STOPPED if stopped else _state(facts, now() - _written(directory.log_file)))
            sleep(PAUSE)
            facts = _read(directory)


def ended(directory: RunDir, facts: Facts) -> bool:
    """Return whether the budget is spent and the score is written. A run writes it after the last line of the log."""
    if not facts.finished:
        return False
    values, last = directory.last_score().get("values"), facts.scores[-1] if facts.scores else {}
    known = isinstance(values, dict) and values and values.items() <= last.items() and last["kimg"] >= facts.kimg
    return bool(known) or _written(directory.score_file) >= _written(directory.log_file)  # times may change in a copy


def _state(facts: Facts, silent: float) -> str:
    if facts.finished:
        return "scoring"
    took = facts.log[-1].get("seconds", 0.0) / len(facts.log) if facts.log else 0.0
    if silent > max(QUIET, LATE * took):
        return "quiet, perhaps stopped"
    return TRAINING


def _show_newest(directory: RunDir, shown: Path | None, display: Display) -> Path | None:
    newest = newest_grid(directory)
    if newest is None or newest == shown:
        return shown
    try:
        with Image.open(newest, formats=["PNG"]) as image:
            display.show_samples(image.convert("RGB"), caption(directory, newest.stem))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass  # the file may be incomplete; show the next one instead
    return newest


def _read(directory: RunDir) -> Facts:
    try:
        return read_facts(directory)
    except OSError as error:
        raise GanzooError(f"cannot read {directory.config_file}: {error.strerror}; has the run been moved?") from error


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
