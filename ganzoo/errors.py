"""The exceptions a user is meant to see: a line that says what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path

LONGEST = 1200  # characters of a message


class GanzooError(Exception):
    """Bad input or a state the user can mend. The command line prints it as one line and exits with 2.

    What a message quotes may be anyone's: line breaks and what steers a terminal are shown as escapes, and of what is
    too long the middle is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_clipped(printable(_clipped(message))))


def _clipped(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= 2 * half + 7 else f"{text[:half]} [...] {text[-half:]}"


class RankLost(GanzooError):
    """A process of a run on several devices did not answer the others."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"lost another process of this run ({reason}); its checkpoints are intact; continue with `ganzoo resume`"
        )


class Damaged(GanzooError):
    """A file that is not what was written: cut short, changed or gone."""


class WriteFailed(GanzooError):
    """The disk is full or fails: one file was not written, earlier files are intact."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}; earlier files are intact")


class NetworkMissing(GanzooError):
    """An extractor's network is not on this machine and cannot be downloaded; the message says how to get it."""


class TrainingFailed(GanzooError):
    """A loss or a gradient that is not finite, or another fault: the run stopped, its checkpoints are good."""

    def __init__(self, fault: str, recipe: str, checkpoint: Path | None, rollbacks: int, advice: str) -> None:
        super().__init__(
            f"{fault} of {recipe}{f', after {rollbacks} rollbacks' if rollbacks else ''}; "
            f"last good checkpoint: {checkpoint or 'none'}; {advice}"
        )


def described(error: BaseException) -> str:
    """Return the type and the message of an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def printable(text: str) -> str:
    """Write out line breaks, control characters, terminal escapes and bytes that are not UTF-8.

    A file's name may hold any of them; a line on a terminal may not.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
