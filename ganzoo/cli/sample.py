"""`ganzoo sample`."""

from __future__ import annotations

import math
from pathlib import Path

import click

from ganzoo.cli.options import PATH, checkpoint_option, source_argument, truncation_option
from ganzoo.errors import GanzooError


@click.command()
@source_argument
@click.option(
    "--out", type=PATH, help="A .png for a grid, else a directory of single PNGs. [default: sample.png in RUN]"
)
@click.option("-n", "--count", type=int, default=64, show_default=True, help="Number of images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of latents and noise.")
@click.option("--class", "label", type=int, help="Only this class.")
@truncation_option
@checkpoint_option
def sample(
    run: str, out: Path | None, count: int, seed: int, label: int | None, truncation: float, checkpoint: str
) -> None:
    """Draw images with a run's generator.

    RUN is a run's directory or the address of a run, such as hf://OWNER/NAME.
    """
    if count < 1:
        raise GanzooError(f"--count is {count}, must be 1 or more")
    import torch

    from ganzoo.api import load
    from ganzoo.models.sampling import grid, save_image, to_image
    from ganzoo.models.sampling import sample as draw
    from ganzoo.runs.store import output_directory

    loaded = load(run)
    generator = loaded.generator(checkpoint)
    chunks = draw(generator, count, seed, label=label, truncation=truncation)
    out = out or output_directory(run, loaded.path) / "sample.png"
    if out.suffix.lower() == ".png":
        images = torch.cat(list(chunks))
        out.parent.mkdir(parents=True, exist_ok=True)
        alone = count == 1
        save_image(to_image(images[0]) if alone else grid(images, math.ceil(math.sqrt(count))), out)
        click.echo(f"1 image: {out}" if alone else f"{count} images in a grid: {out}")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise GanzooError(f"{out} already holds something; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    number = 0
    for chunk in chunks:
        for image in chunk:
            save_image(to_image(image), out / f"{number:06d}.png")
            number += 1
    click.echo(f"{count} images: {out}")
