"""A plugin file with the minimax loss, which is disturbed once, at the tenth step of the second process."""

from __future__ import annotations

from pathlib import Path

LOSS = '''
"""minimax, but {mark} at the tenth step of the second process."""
import os
import signal
from pathlib import Path

from ganzoo_losses.losses import Minimax

from ganzoo import LossEntry, hookimpl
from ganzoo.data import stream

{first}


@hookimpl
def register_losses(register):
    register(LossEntry(name="{name}", summary="Disturbed", formula="D, G: minimax", target="{name}_loss:Disturbed"))


class Disturbed(Minimax):
    calls = 0

    def discriminator(self, *, d_real, d_fake):
        self.calls += 1
        mark = Path(__file__).with_name("{mark}")
        if self.calls == 10 and os.environ.get("RANK") == "1" and not mark.exists():
            mark.touch()
            {then}
        return super().discriminator(d_real=d_real, d_fake=d_fake)
'''


def write_loss(directory: Path, name: str, mark: str, *, then: str = "", first: str = "") -> Path:
    """Write ``name``_loss.py and return its path.

    mark: the file that the loss creates beside it at the tenth step. then: code that it runs next. first: code that
    runs when the plugin is loaded.
    """
    file = directory / f"{name}_loss.py"
    file.write_text(LOSS.format(name=name, mark=mark, then=then, first=first))
    return file
