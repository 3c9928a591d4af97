"""A grid of characters to draw boxes and lines on. Does not import torch."""

from __future__ import annotations

from rich.text import Text

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = {
    UP: "│", DOWN: "│", UP | DOWN: "│", LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─",
    DOWN | RIGHT: "╭", DOWN | LEFT: "╮", UP | RIGHT: "╰", UP | LEFT: "╯",
    UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", LEFT | RIGHT | DOWN: "┬", LEFT | RIGHT | UP: "┴",
    UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
ENDS = {glyph: ends for ends, glyph in LINES.items()}


class Canvas:
    """A grid of ``width`` × ``height`` characters, each with a style of rich. Anything outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.rows: list[list[tuple[str, str]]] = [[(" ", "")] * width for _ in range(height)]

    def write(self, x: int, y: int, text: str, style: str = "") -> None:
        """Write text from a position to the right."""
        for i, character in enumerate(text):
            if 0 <= y < len(self.rows) and 0 <= x + i < len(self.rows[y]):
                self.rows[y][x + i] = (character, style)

    def box(self, x: int, y: int, width: int, height: int, style: str = "") -> None:
        """Draw a frame with round corners."""
        self.write(x, y, "╭" + "─" * (width - 2) + "╮", style)
        for row in range(y + 1, y + height - 1):
            self.write(x, row, "│", style)
            self.write(x + width - 1, row, "│", style)
        self.write(x, y + height - 1, "╰" + "─" * (width - 2) + "╯", style)

    def line(self, x1: int, y1: int, x2: int, y2: int, turn: int, style: str = "") -> None:
        """Draw a line down from the first point to the row ``turn``, along it, and down to the second point.

        Lines may cross.
        """
        for y in range(y1, y2 + 1):
            x = x1 if y <= turn else x2
            if y == turn and x1 != x2:
                near, far = (RIGHT, LEFT) if x2 > x1 else (LEFT, RIGHT)
                self._join(x1, y, UP | near, style)
                for between in range(min(x1, x2) + 1, max(x1, x2)):
                    self._join(between, y, LEFT | RIGHT, style)
                self._join(x2, y, far | DOWN, style)
            else:
                self._join(x, y, UP | DOWN, style)

    def _join(self, x: int, y: int, ends: int, style: str) -> None:
        if 0 <= y < len(self.rows) and 0 <= x < len(self.rows[y]):
            known = ENDS.get(self.rows[y][x][0], 0)
            self.write(x, y, LINES[known | ends], style)

    def text(self) -> Text:
        """Return the whole grid, one line per row."""
        lines = []
        for row in self.rows:
            line = Text(no_wrap=True)
            for character, style in row:
                line.append(character, style)
            line.rstrip()
            lines.append(line)
        return Text("\n").join(lines)
