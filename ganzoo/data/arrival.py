"""Wait for the images of a streamed set."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo.data.loader import Feed
from ganzoo.distributed import collectives
from ganzoo.errors import GanzooError


def images_arrived(feed: Feed, shown: int, batches: int, stopped: Callable[[], bool]) -> tuple[bool, str]:
    """Wait until all ranks have the next ``batches``; return whether they do, and why images cannot be loaded.

    A run waits for a server only here, between iterations, where its state is consistent and can be saved. Without a
    streamed set there is nothing to wait for.

    stopped: whether a stop was requested, which ends the wait.
    """
    while feed.streamed is not None:
        here, reason = True, ""
        try:
            here = feed.arrived(shown, batches)
        except GanzooError as error:
            reason = str(error)
        missing, stop, failed = collectives.each_agreed([not here, stopped(), bool(reason)])
        if failed:
            return False, collectives.told_by_one(reason)
        if stop or not missing:
            return not missing, ""
    return True, ""
