"""The first part of the broken plugins that ``breaking.md`` shows; ``broken_training.py`` has the second."""

from __future__ import annotations

from dataclasses import dataclass

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


def networks(noise: str = "", squeeze: str = ".squeeze(1)", fact: str = "") -> str:
    return f"""\
import torch
from torch import nn

from ganzoo.interfaces import Discriminator, Generator


class BrokenGenerator(Generator):
    latent_dim = 8
{fact}
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
    """One way to break a plugin.

    title: what is wrong. files: the module's files and their content, ``__init__.py`` first.
    shown: the file that the page shows. commands: arguments of `ganzoo`; the page shows the last line of each output.
    checks: names of checks of `ganzoo plugins check`; the page shows the message of each.
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
        "Tensor on the CPU",
        {
            "__init__.py": LOSS,
            "loss.py": CRITIC.replace(
                "        return d_fake.mean() - d_real.mean()",
                "        return (d_fake * torch.ones(len(d_fake))).mean() - d_real.mean()",
            ).replace("from ganzoo", "import torch\nfrom ganzoo"),
        },
        shown="loss.py",
        checks=("one_device",),
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
