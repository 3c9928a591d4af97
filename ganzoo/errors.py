"""The exceptions that users see. Each message is one line that says what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path

LONGEST = 1200  # characters of a message


class GanzooError(Exception):
    """An error that the user can fix. The command line prints it as one line and exits with 2.

    A message may quote text from untrusted sources. Line breaks and control characters are therefore shown as escapes,
    and the middle of a long message is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_clipped(printable(_clipped(message))))


def _clipped(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= 2 * half + 7 else f"{text[:half]} [...] {text[-half:]}"


class RankLost(GanzooError):
    """Another process of a run on several devices no longer answers."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"lost another process of this run ({reason}); its checkpoints are intact; continue with `ganzoo resume`"
        )


class Damaged(GanzooError):
    """A file that was truncated, changed or removed after it was written."""


class WriteFailed(GanzooError):
    """A file that could not be written since the disk is full or fails. Files written earlier are intact."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"cannot write {path}: {reason}; earlier files are intact")


class NetworkMissing(GanzooError):
    """An extractor's network is not on this machine and cannot be downloaded; the message says how to get it."""


class TrainingFailed(GanzooError):
    """A fault that stopped a run, such as a loss or gradient that is not finite. The checkpoints are good."""

    def __init__(self, fault: str, recipe: str, checkpoint: Path | None, rollbacks: int, advice: str) -> None:
        after = f", after {rollbacks} rollback{'s' if rollbacks > 1 else ''}" if rollbacks else ""
        super().__init__(f"{fault} of {recipe}{after}; last good checkpoint: {checkpoint or 'none'}; {advice}")


def described(error: BaseException) -> str:
    """Return the type and the message of an error as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def printable(text: str) -> str:
    """Replace line breaks, control characters, terminal escapes and bytes that are not UTF-8 by visible escapes.

    File names may contain them, but they would corrupt a line on a terminal.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
