"""What a loop tells whoever watches it."""

from __future__ import annotations

from typing import Any, Protocol

from PIL import Image


class Observer(Protocol):
    """Who watches a run: the terminal's display."""

    def record(self, record: dict[str, Any]) -> None: ...

    def samples(self, image: Image.Image) -> None: ...

    def progress(self, shown: int) -> None: ...
