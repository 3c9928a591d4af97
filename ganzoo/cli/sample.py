"""`ganzoo sample`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.options import PATH, checkpoint_option, source_argument, truncation_option
from ganzoo.errors import GanzooError
from ganzoo.utils.waiting import waiting

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.interfaces import Generator

COUNT = 64  # images unless others are asked for


@click.command()
@source_argument
@click.option(
    "--out", type=PATH, help="A .png for a grid, else a directory of single PNGs. [default: sample.png in RUN]"
)
@click.option("-n", "--count", type=int, help=f"Number of images. [default: {COUNT}]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of latents and noise.")
@click.option("--class", "label", metavar="NAME|N", help="Only this class, by its name or its number from 0.")
@click.option(
    "--per-class",
    type=int,
    metavar="N",
    help="N images of each class: a row each in a grid, a directory each beside single PNGs.",
)
@truncation_option
@checkpoint_option
def sample(
    run: str,
    out: Path | None,
    count: int | None,
    seed: int,
    label: str | None,
    per_class: int | None,
    truncation: float,
    checkpoint: str,
) -> None:
    """Draw images with a run's generator.

    RUN is a run's directory or the address of a run, such as hf://OWNER/NAME.
    """
    if per_class is not None and (count is not None or label is not None):
        raise GanzooError(f"--per-class draws every class; leave out {'--class' if count is None else '--count'}")
    for option, number in (("--count", count), ("--per-class", per_class)):
        if number is not None and number < 1:
            raise GanzooError(f"{option} is {number}, must be 1 or more")
    import torch

    from ganzoo.api import load
    from ganzoo.models.sampling import grid, save_image, to_image
    from ganzoo.models.sampling import sample as draw
    from ganzoo.runs.class_names import find_class
    from ganzoo.runs.store import output_directory

    loaded = load(run)
    generator = loaded.generator(checkpoint)
    classes, chosen = generator.image.classes, None
    names: Sequence[str] = ()
    if per_class is not None or label is not None:
        _check_conditional(generator, "the class" if per_class is None else "--per-class")
        names = loaded.class_names
        names = names if len(names) == classes else ()
    count = COUNT if count is None else count
    if per_class is not None:
        count, chosen = classes * per_class, torch.arange(classes).repeat_interleave(per_class)
    elif label is not None:
        chosen = torch.tensor(find_class(label, names, classes))
    chunks = draw(generator, count, seed, label=chosen, truncation=truncation)
    out = out or output_directory(run, loaded.path) / "sample.png"
    if out.suffix.lower() == ".png":
        images = torch.cat(list(_told(chunks, count)))
        out.parent.mkdir(parents=True, exist_ok=True)
        alone = count == 1
        columns = per_class or math.ceil(math.sqrt(count))
        save_image(to_image(images[0]) if alone else grid(images, columns), out)
        click.echo(f"1 image: {out}" if alone else f"{count} images in a grid: {out}")
        if per_class is not None:
            click.echo(f"a row for each class: {', '.join(names) or f'0 to {classes - 1}'}")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise GanzooError(f"{out} already holds something; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    places = _places(out, count) if per_class is None else _class_places(out, names, classes, per_class)
    for chunk in _told(chunks, count):
        for image in chunk:
            place = next(places)
            place.parent.mkdir(exist_ok=True)
            save_image(to_image(image), place)
    click.echo(f"{count} images: {out}")


def _check_conditional(generator: Generator, option: str) -> None:
    """Raises GanzooError if the generator takes no class."""
    if not (generator.conditional and generator.image.classes):
        raise GanzooError(f"this generator is not class-conditional; leave {option} out")


def _told(chunks: Iterator[Tensor], count: int) -> Iterator[Tensor]:
    with waiting("drawing images", count, "images") as advance:
        for chunk in chunks:
            yield chunk
            advance(len(chunk))


def _places(out: Path, count: int) -> Iterator[Path]:
    return (out / f"{number:06d}.png" for number in range(count))


def _class_places(out: Path, names: Sequence[str], classes: int, each: int) -> Iterator[Path]:
    """A directory for each class, named so that they sort in the order of the labels; names may come from anyone."""
    digits = len(str(classes - 1))
    for label in range(classes):
        name = re.sub(r"[^\w.-]+", "-", names[label])[:60].strip("-.") if names else ""
        place = out / f"{label:0{digits}d}{f'-{name}' if name else ''}"
        yield from _places(place, each)
