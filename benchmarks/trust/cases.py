"""Cases of bad input. Each input is made in an empty directory and given to ganzoo; its outcome is checked."""

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

EXECUTED = "executed"  # the file that hostile code would create in the case's directory
PATIENCE = 60  # seconds after which a case counts as endless
MOST_MIB = 400  # allowed growth of the peak memory, including imports such as torchvision


class Endless(BaseException):
    """The alarm of a case. No code under test catches it, as it might an OSError."""


@dataclass(frozen=True)
class Case:
    """A bad input.

    what: its description. feed: makes the input in an empty directory, gives it to ganzoo and returns the result in
    words. says: text that the one-line refusal must contain; "" if the input must be handled.
    """

    what: str
    feed: Callable[[Path], str]
    says: str = ""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a case. fate: handled, refused, or a description of what went wrong."""

    what: str
    fate: str
    said: str

    @property
    def good(self) -> bool:
        return self.fate in ("handled", "refused")


@cache
def zoo() -> Registry:
    """Return the registry of the installed parts, shared by all cases."""
    return Registry.load(strict=True)


def judge(case: Case) -> Outcome:
    """Give a case's input to ganzoo and return the outcome.

    Wrong are: handled instead of refused or the reverse, another message or one of several lines, another exception,
    executed code, too much memory, and no end.
    """
    before = _peak_mib()
    with tempfile.TemporaryDirectory(prefix="ganzoo-inputs-") as scratch:
        place = Path(scratch)
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(PATIENCE)
        try:
            fate, said = "handled", case.feed(place)
        except GanzooError as error:
            fate, said = "refused", str(error)
        except Endless as error:
            fate, said = "WRONG: it does not end", str(error)
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
    """Return the outcomes as a Markdown table."""
    lines = ["| input | | what came of it |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {_cell(o.what)} | {o.fate} | {_cell(o.said)} |" for o in outcomes)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _give_up(number: int, frame: FrameType | None) -> None:
    raise Endless(f"no end after {PATIENCE} seconds")
