"""Writes ``docs/breaking.md``: ``python docs/make_breaking.py``.

Each broken plugin is really installed, beside the zoo, and its message really taken from the command line or from the
conformance kit.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganzoo.cli.main import main as ganzoo
from ganzoo.testing.conformance import plan

FILE = Path(__file__).with_name("breaking.md")
DISTRIBUTION, MODULE = "ganzoo-broken", "ganzoo_broken"
SMALL = ("generator.width=8", "discriminator.width=8", "loop.device=cpu", "metrics.names=[]", "loop.kimg=0.064")

LOSS = """\
from ganzoo import LossEntry, hookimpl


@hookimpl
def register_losses(register):
    register(LossEntry(name="broken", summary="A loss", formula="...", target="ganzoo_broken.loss:Broken"))
"""
CRITIC = """\
from ganzoo.interfaces import Loss


class Broken(Loss):
    def discriminator(self, *, d_real, d_fake):
        return d_fake.mean() - d_real.mean()

    def generator(self, *, d_real, d_fake):
        return -d_fake.mean()
"""
ARCHITECTURE = """\
from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def register_architectures(register):
    register(
        ArchitectureEntry(
            name="broken",
            summary="A pair",
            generator="ganzoo_broken.networks:BrokenGenerator",
            discriminator="ganzoo_broken.networks:BrokenDiscriminator",
        )
    )
"""
DATASET = """\
from ganzoo import DatasetEntry, hookimpl


@hookimpl
def register_datasets(register):
    register(DatasetEntry(name="broken", summary="A data set", target="ganzoo_broken.images:Broken"))
"""
SOURCE = """\
import numpy as np

from ganzoo import ImageSpec
from ganzoo.interfaces import DataSource, SourceImage


class Broken(DataSource):
    def content_key(self):
        return "eight grey images"

    def __len__(self):
        return 8

    def __iter__(self):
        for number in range(8):
            yield SourceImage(f"image {number}", np.full((8, 8, 1), 30 * number, np.uint8))

    def peek(self):
        return ImageSpec(channels=1, size=8)
"""


def networks(noise: str = "", squeeze: str = ".squeeze(1)") -> str:
    return f"""\
import torch
from torch import nn

from ganzoo.interfaces import Discriminator, Generator


class BrokenGenerator(Generator):
    latent_dim = 8

    def __init__(self, image, params):
        super().__init__()
        self.image = image
        self.body = nn.Sequential(nn.Linear(8, image.channels * image.size**2), nn.Tanh())

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
{noise}        return self.body(latents).view(-1, self.image.channels, self.image.size, self.image.size)


class BrokenDiscriminator(Discriminator):
    def __init__(self, image, params, needs):
        super().__init__()
        self.image = image
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(image.channels * image.size**2, 1))

    def forward(self, images, labels=None, *, rng=None):
        return self.body(images){squeeze}
"""


@dataclass(frozen=True)
class Way:
    """title: what is wrong. files: of the module, ``__init__.py`` first. shown: the file that the page shows.

    commands: of `ganzoo`, whose last line is taken. checks: of `ganzoo plugins check`, by name.
    """

    title: str
    files: dict[str, str]
    shown: str = "__init__.py"
    commands: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


WAYS = (
    Way(
        "Import error",
        {"__init__.py": "import nothing_of_that_name\n\n" + LOSS},
        commands=("list",),
    ),
    Way(
        "Wrong hook name",
        {"__init__.py": LOSS.replace("register_losses", "register_loses")},
        commands=("list",),
    ),
    Way(
        "Wrong signature",
        {"__init__.py": LOSS.replace("register_losses(register)", "register_losses(registry)")},
        commands=("list",),
    ),
    Way(
        "Name clash",
        {"__init__.py": LOSS.replace('name="broken"', 'name="hinge"')},
        commands=("list", "run dcgan+hinge"),
        checks=("names",),
    ),
    Way(
        "Wrong shape",
        {"__init__.py": ARCHITECTURE, "networks.py": networks(squeeze="")},
        shown="networks.py",
        commands=("run broken+minimax --dry-run",),
        checks=("shapes",),
    ),
    Way(
        "NaN",
        {
            "__init__.py": LOSS,
            "loss.py": CRITIC.replace(
                "d_fake.mean() - d_real.mean()", "(1 - d_real.exp()).log().mean() - d_fake.mean()"
            ),
        },
        shown="loss.py",
        commands=(f"run mlp+broken {' '.join(SMALL)} --out RUN",),
        checks=("trains",),
    ),
    Way(
        "Hidden host sync",
        {
            "__init__.py": LOSS,
            "loss.py": CRITIC.replace(
                "        return d_fake.mean() - d_real.mean()",
                "        gap = d_fake.mean() - d_real.mean()\n        return gap if gap > -10 else gap / 2",
            ),
        },
        shown="loss.py",
        checks=("capture_safe",),
    ),
    Way(
        "Global seed",
        {
            "__init__.py": ARCHITECTURE,
            "networks.py": networks(
                "        torch.manual_seed(0)\n        latents = latents + torch.randn_like(latents)\n"
            ),
        },
        shown="networks.py",
        checks=("global_random_state",),
    ),
    Way(
        "torch at registration",
        {"__init__.py": LOSS.replace("from ganzoo", "from ganzoo.interfaces import Loss\nfrom ganzoo", 1)},
        checks=("cheap_import",),
    ),
    Way(
        "Half registration",
        {"__init__.py": LOSS + '    raise RuntimeError("no penalties yet")\n'},
        commands=("list",),
    ),
    Way(
        "Test split of training images",
        {"__init__.py": DATASET, "images.py": SOURCE},
        shown="images.py",
        checks=("held_out",),
    ),
)

HEAD = """\
# Ways to break a plugin

Written by `python docs/make_breaking.py`, which installs each of these plugins as `ganzoo-broken` 1.0 and takes down
what is really said. Nothing here hurts the rest of the zoo: `ganzoo list` goes on without the plugin, a run that cannot
be is refused before it begins, and `ganzoo plugins check` finds what would only show later.

"""


def page() -> str:
    """The whole of ``breaking.md``."""
    table, sections = ["| | where | message |", "| --- | --- | --- |"], []
    for number, way in enumerate(WAYS, 1):
        for where, message in seen(way):
            anchor = way.title.lower().replace(" ", "-")
            table.append(f"| [{number}. {way.title}](#{anchor}) | `{where}` | {_escape(message)} |")
        sections.append(f"## {way.title}\n\n`ganzoo_broken/{way.shown}`\n```python\n{way.files[way.shown]}```\n")
    return HEAD + "\n".join(table) + "\n\n" + "\n".join(sections)


def seen(way: Way) -> list[tuple[str, str]]:
    """Where, and with which message."""
    with installed(way.files):
        found = [(f"ganzoo {command.partition(' generator.width')[0]}", said(command)) for command in way.commands]
        if way.checks:
            cases = {case.name: case for case in plan(DISTRIBUTION).cases}
            found += [("ganzoo plugins check", f"{name}: {cases[name].result().message}") for name in way.checks]
    return found


@contextlib.contextmanager
def installed(files: dict[str, str]) -> Iterator[None]:
    """A directory that is the current one and on the search path, with the plugin as an installer would leave it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        package, info = Path(scratch) / MODULE, Path(scratch) / f"{MODULE}-1.0.dist-info"
        package.mkdir()
        info.mkdir()
        for name, text in files.items():
            (package / name).write_text(text)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ganzoo]\nbroken = {MODULE}\n")
        sys.path.insert(0, scratch)
        importlib.invalidate_caches()
        os.chdir(scratch)
        try:
            yield
        finally:
            os.chdir(before)
            sys.path.remove(scratch)
            for module in [name for name in sys.modules if name.partition(".")[0] == MODULE]:
                del sys.modules[module]


def said(command: str) -> str:
    """The last line on standard error."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        ganzoo(command.split())
    return error.getvalue().strip().splitlines()[-1]


def _escape(message: str) -> str:
    return f"`{message}`".replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
