"""Bad inputs: each made anew in an empty directory and given to ganzoo, and what came of it."""

from __future__ import annotations

import resource
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry

EXECUTED = "executed"  # the file that hostile code would leave in the case's directory
PATIENCE = 60  # seconds, after which a case counts as one that never ends
MOST_MIB = 400  # that the peak of memory may grow by; the imports of torchvision take some


@dataclass(frozen=True)
class Case:
    """``what`` it is, in words. ``feed`` makes it in an empty directory and gives it to ganzoo: what came of it, in
    words.

    says: what the one line must hold that refuses it; "" where it must be handled.
    """

    what: str
    feed: Callable[[Path], str]
    says: str = ""


@dataclass(frozen=True)
class Outcome:
    """``fate``: handled, refused, or what is wrong with how it ended."""

    what: str
    fate: str
    said: str

    @property
    def good(self) -> bool:
        return self.fate in ("handled", "refused")


@cache
def zoo() -> Registry:
    """What is installed, for all cases."""
    return Registry.load(strict=True)


def judge(case: Case) -> Outcome:
    """Feed it to ganzoo. Wrong is: another end than the table's, more than one line, code that ran, memory, no end."""
    before = _peak_mib()
    with tempfile.TemporaryDirectory(prefix="ganzoo-inputs-") as scratch:
        place = Path(scratch)
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(PATIENCE)
        try:
            fate, said = "handled", case.feed(place)
        except GanzooError as error:
            fate, said = "refused", str(error)
        except Exception as error:
            fate, said = "WRONG: no clean error", f"{type(error).__name__}: {error}"
        finally:
            signal.alarm(0)
        if (place / EXECUTED).exists():
            fate = "WRONG: it was executed"
        said = said.replace(str(place.resolve()), "PLACE").replace(str(place), "PLACE")
    if fate == "refused" and not (case.says and case.says in said and said.isprintable()):
        fate = f"WRONG: {'it must be handled' if not case.says else f'it must say {case.says!r}'}"
    if fate == "handled" and case.says:
        fate = "WRONG: it must be refused"
    grown = _peak_mib() - before
    if grown > MOST_MIB:
        fate = f"WRONG: it took {grown:.0f} MiB"
    return Outcome(case.what, fate, said)


def table(outcomes: Sequence[Outcome]) -> str:
    """As Markdown."""
    lines = ["| input | | what came of it |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {_cell(o.what)} | {o.fate} | {_cell(o.said)} |" for o in outcomes)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _give_up(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no end after {PATIENCE} seconds")
