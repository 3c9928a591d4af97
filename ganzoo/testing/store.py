"""What a store must do: refuse an invalid address with a one-line error, without looking for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganzoo.entries import StoreEntry
from ganzoo.errors import GanzooError
from ganzoo.testing.rig import Rig
from ganzoo.testing.verdict import Failure, expect


@dataclass
class StorePart:
    """A store, and the function that its target names."""

    entry: StoreEntry
    rig: Rig
    fetch: Any = None


def interface(part: StorePart) -> None:
    """Check that the target is callable."""
    part.fetch = part.entry.load()
    expect(callable(part.fetch), f"{part.entry.target} is {type(part.fetch).__name__}, not a function")


def refuses_empty_addresses(part: StorePart) -> None:
    """Check that an address with nothing after ``://`` raises GanzooError with one line."""
    address = f"{part.entry.short}://"
    try:
        found = part.fetch(address)
    except GanzooError as error:
        expect("\n" not in str(error), f"the error for {address} has more than one line")
    except Exception as error:
        raise Failure(f"{address} raises {type(error).__name__}, must raise GanzooError") from error
    else:
        raise Failure(f"{address} returns {found!r}, must raise GanzooError")


CHECKS = (interface, refuses_empty_addresses)
