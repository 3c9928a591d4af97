"""Points at which something is due."""

from __future__ import annotations

import math


class Marks:
    """Multiples of an interval in kimg, each reported once; ``inf`` for none. ``shown``: pictures so far."""

    def __init__(self, kimg: float, shown: int) -> None:
        self.interval = kimg * 1000
        self.next = (shown // self.interval + 1) * self.interval if kimg != math.inf else math.inf

    def passed(self, shown: int) -> bool:
        """Whether the next one has been reached."""
        if shown < self.next:
            return False
        self.next = (shown // self.interval + 1) * self.interval
        return True
