"""The results of conformance checks, and the verdict on a whole target. Imports no torch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ganzoo import __version__

Status = Literal["passed", "failed", "skipped"]
WORDS: dict[Status, str] = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


class Failure(AssertionError):
    """A failed check: one line that says what is wrong, where, and what to do."""


class Skipped(Exception):
    """A check that does not apply here, with the reason."""


def expect(holds: object, message: str) -> None:
    """Raise Failure with the message if ``holds`` is false."""
    if not holds:
        raise Failure(message)


@dataclass(frozen=True)
class Result:
    """The result of one check. subject: ``"loss hinge"`` or ``"distribution"``. message: "" if the check passed."""

    subject: str
    check: str
    status: Status
    message: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        line = f"{WORDS[self.status]:<8} {self.check}"
        return f"{line}: {self.message}" if self.message else line


@dataclass(frozen=True)
class Verdict:
    """All results on one target, a distribution or a file. notes: warnings that will become failures later."""

    target: str
    version: str
    results: tuple[Result, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(result.status != "failed" for result in self.results)

    @property
    def summary(self) -> str:
        """The last line of the verdict as plain text."""
        count = Counter(result.status for result in self.results)
        skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
        if self.passed:
            return f"{self.target} {self.version} conforms: {count['passed']} checks passed{skipped}"
        return (
            f"{self.target} {self.version} does not conform: {count['failed']} of {len(self.results)} checks failed"
            f"{skipped}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as a dict for JSON."""
        return {
            "target": self.target,
            "version": self.version,
            "ganzoo": __version__,
            "passed": self.passed,
            "checks": [asdict(result) for result in self.results],
            "notes": list(self.notes),
        }


def to_json(verdicts: Iterable[Verdict]) -> str:
    """Return a JSON list with one object for each target."""
    return json.dumps([verdict.to_dict() for verdict in verdicts], indent=2)
