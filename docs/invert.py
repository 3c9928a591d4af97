"""A command in one file: find the latents of an image by gradient descent through a run's generator.

    ganzoo invert runs/dcgan+wgan-gp-001 shirt.png --plugin docs/invert.py

It writes ``inverted.png``, which shows the given image next to the nearest generated one, and ``inverted.npy``, the
latents. With a class-conditional generator it searches in every class, or only in the class that ``--class`` names.
The method is that of Creswell, Bharath 2016, Inverting The Generator Of A Generative Adversarial Network,
arXiv:1611.05644, run from several random latents at once.
"""

from __future__ import annotations

from pathlib import Path

import click

import ganzoo
from ganzoo import CommandEntry, GanzooError, hookimpl
from ganzoo.cli.options import PATH, checkpoint_option, source_argument

STARTS = 16  # random latents to start from; the best result is kept


@hookimpl
def register_commands(register):
    register(
        CommandEntry(
            name="invert",
            summary="Find the latents of a given image.",
            target="invert:invert",
            group="Understand and play",
        )
    )


@click.command()
@source_argument
@click.argument("image", metavar="IMAGE", type=PATH)
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Steps of gradient descent.")
@click.option(
    "--learning-rate", type=click.FloatRange(0, min_open=True), default=0.1, show_default=True, help="Learning rate."
)
@click.option(
    "--out", type=PATH, default="inverted.png", show_default=True, help="The comparison; latents go beside it."
)
@click.option("--class", "label", metavar="NAME|N", help="Only this class, by its name or its number from 0.")
@checkpoint_option
def invert(
    run: str, image: Path, steps: int, learning_rate: float, out: Path, label: str | None, checkpoint: str
) -> None:
    """Find the latents whose image is nearest to IMAGE, by gradient descent on the squared error of the pixels."""
    import numpy as np
    import torch

    from ganzoo.drawing import takes_labels
    from ganzoo.runs.class_names import find_class

    loaded = ganzoo.load(run)
    generator = loaded.generator(checkpoint, device="cpu")
    target = read_image(image, generator.image.channels, generator.image.size)
    classes, names = generator.image.classes if takes_labels(generator) else 0, loaded.class_names
    if label is not None and not classes:
        raise GanzooError("this generator is not class-conditional; leave --class out")
    starts = STARTS if label is not None else max(STARTS, classes)  # at least one start in each class
    labels = torch.arange(starts) % classes if classes else None
    if label is not None:
        labels = torch.full((starts,), find_class(label, names, classes))
    latents = generator.sample_latents(starts, torch.Generator().manual_seed(0)).requires_grad_()
    adam = torch.optim.Adam([latents], lr=learning_rate)
    for _ in range(steps):
        adam.zero_grad()
        errors = (generator(latents, labels) - target).square().mean((1, 2, 3))
        errors.sum().backward()
        adam.step()
    with torch.no_grad():
        images = generator(latents, labels)
        errors = (images - target).square().mean((1, 2, 3))
    best = int(errors.argmin())
    write_pair(target, images[best], out)
    np.save(out.with_suffix(".npy"), latents[best].detach().numpy())
    click.echo(f"mean squared error {errors[best]:.4f}, of {starts} starts {errors.min():.4f} to {errors.max():.4f}")
    if labels is not None:
        found = int(labels[best])
        click.echo(f"class: {found}" + (f", {names[found]}" if names else ""))
    click.echo(f"given and found: {out}")


def read_image(file: Path, channels: int, size: int):
    """Read an image as a float tensor ``(C, size, size)`` in [-1, 1]. Raises GanzooError if it cannot be read."""
    import numpy as np
    import torch
    from PIL import Image

    try:
        with Image.open(file) as opened:
            image = opened.convert("L" if channels == 1 else "RGB").resize((size, size))
    except OSError as error:
        raise GanzooError(f"cannot read {file} as an image: {error}; name a PNG, JPEG or WebP file") from error
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32)) / 127.5 - 1
    return pixels.view(size, size, channels).permute(2, 0, 1)


def write_pair(given, found, file: Path) -> None:
    """Write two images ``(C, H, W)`` in [-1, 1] side by side."""
    import torch

    from ganzoo.models.sampling import grid, save_image, to_uint8

    save_image(grid(to_uint8(torch.stack([given, found])), 2), file)
