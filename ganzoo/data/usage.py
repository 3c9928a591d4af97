"""Counts of the used, skipped and changed images of a set. They are shown before training and kept with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ganzoo.utils.listing import some_of

SHOWN = 3  # names at most
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Usage:
    """Counts of images.

    skipped: counts by reason, a phrase that completes "N ... skipped", such as ``in hidden directories``.
    named: the names of the unreadable images. converted: counts by conversion, such as ``grey to colour``.
    treated: counts by other changes, such as ``cropped to the centre square``.
    remarks: on labels and other files, one clause each.
    """

    used: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    converted: Mapping[str, int] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    treated: Mapping[str, int] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """The number of images that were found, used or not."""
        return self.used + sum(self.skipped.values())

    @property
    def whole(self) -> bool:
        """Whether every image is used, in its own colours; resizing is not considered."""
        return not self.skipped and not self.converted

    def __str__(self) -> str:
        parts = [f"{count:,} {reason} skipped{self._names(reason)}" for reason, count in self.skipped.items()]
        parts += [f"{count:,} converted from {what}" for what, count in self.converted.items()]
        parts += [f"{count:,} {what}" for what, count in self.treated.items()]
        images = f"{self.used:,} of {self.found:,} images"
        return "; ".join([f"{images}: {', '.join(parts)}" if parts else images, *self.remarks])

    def as_dict(self) -> dict[str, Any]:
        """Return plain containers, for ``provenance.json``; empty ones are left out."""
        told = {
            "skipped": dict(self.skipped),
            "converted": dict(self.converted),
            "treated": dict(self.treated),
            "remarks": list(self.remarks),
        }
        return {"used": self.used, "found": self.found, **{name: value for name, value in told.items() if value}}

    @classmethod
    def read(cls, noted: Any) -> Usage | None:
        """Read the output of :meth:`as_dict`; return None for anything else, since runs may be untrusted."""
        if not isinstance(noted, Mapping) or not _is_count(noted.get("used")):
            return None
        remarks = noted.get("remarks")
        return cls(
            used=noted["used"],
            skipped=_counts(noted.get("skipped")),
            converted=_counts(noted.get("converted")),
            treated=_counts(noted.get("treated")),
            remarks=tuple(map(str, remarks)) if isinstance(remarks, list) else (),
        )

    def _names(self, reason: str) -> str:
        if reason != UNREADABLE or not self.named:
            return ""
        return f" ({some_of(self.named, SHOWN)})"


def _counts(noted: Any) -> dict[str, int]:
    found = noted.items() if isinstance(noted, Mapping) else ()
    return {str(name): number for name, number in found if _is_count(number)}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
