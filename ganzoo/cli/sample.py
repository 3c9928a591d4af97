"""`ganzoo sample`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.options import PATH, checkpoint_option, read_seeds, source_argument, truncation_option
from ganzoo.errors import GanzooError
from ganzoo.utils.files import make_output_directory, writing
from ganzoo.utils.image_files import is_picture, save_image
from ganzoo.utils.waiting import counted

if TYPE_CHECKING:
    from ganzoo.interfaces import Generator

COUNT = 64  # the default number of images


@click.command()
@source_argument
@click.option(
    "--out",
    type=PATH,
    help="A .png, .jpg, .jpeg or .webp for a grid, else a directory of single PNGs. [default: sample.png in RUN]",
)
@click.option("-n", "--count", type=int, help=f"Number of images. [default: {COUNT}]")
@click.option("--seed", type=int, help="Seed of all latents and noise. [default: 0]")
@click.option("--seeds", metavar="LIST", help="One image per seed, e.g. 3,7,10-20; each depends on its seed alone.")
@click.option("--class", "label", metavar="NAME|N", help="Only this class, by its name or its number from 0.")
@click.option(
    "--per-class",
    type=int,
    metavar="N",
    help="N images of each class: one row of the grid, or one directory of single images, for each class. With "
    "--seeds, which must list N seeds, each class uses the same seeds.",
)
@truncation_option
@checkpoint_option
def sample(
    run: str,
    out: Path | None,
    count: int | None,
    seed: int | None,
    seeds: str | None,
    label: str | None,
    per_class: int | None,
    truncation: float,
    checkpoint: str,
) -> None:
    """Draw images with a run's generator.

    RUN is a run's directory, the address of a run, such as hf://OWNER/NAME,
    or registered weights, such as RECIPE@DATA (see ganzoo list --weights).
    """
    if per_class is not None and (count is not None or label is not None):
        raise GanzooError(f"--per-class draws every class; leave out {'--class' if count is None else '--count'}")
    for option, number in (("--count", count), ("--per-class", per_class)):
        if number is not None and number < 1:
            raise GanzooError(f"{option} is {number}, must be 1 or more")
    listed = None if seeds is None else _read_seeds(seeds, count, seed, per_class)
    as_grid = out is None or is_picture(out)
    import torch

    from ganzoo.api import load
    from ganzoo.drawing import draw_images, draw_seeds
    from ganzoo.models.sampling import grid, to_image, to_uint8
    from ganzoo.runs.class_names import find_class
    from ganzoo.runs.store import output_directory

    loaded = load(run)
    generator = loaded.generator(checkpoint)
    classes, chosen = generator.image.classes, None
    names: Sequence[str] = ()
    if per_class is not None or label is not None:
        _check_conditional(generator, "the class" if per_class is None else "--per-class")
        names = loaded.class_names
    count = COUNT if count is None else count
    if per_class is not None:
        count, chosen = classes * per_class, torch.arange(classes).repeat_interleave(per_class)
    elif label is not None:
        chosen = torch.tensor(find_class(label, names, classes))
    if listed is None:
        drawn = draw_images(generator, count, seed or 0, chosen, truncation)
    else:
        each = listed * classes if per_class is not None else listed
        count, drawn = len(each), draw_seeds(generator, each, chosen, truncation)
    chunks = counted("drawing images", (to_uint8(images).cpu() for images in drawn), count, "images", len)
    if as_grid:
        out = out or output_directory(run, loaded.path) / "sample.png"
        with writing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
        images = torch.cat(list(chunks))
        alone = count == 1
        columns = per_class or math.ceil(math.sqrt(count))
        save_image(to_image(images[0]) if alone else grid(images, columns), out)
        click.echo(f"1 image: {out}" if alone else f"{count} images in a grid: {out}")
        if per_class is not None:
            click.echo(f"a row for each class: {', '.join(names) or f'0 to {classes - 1}'}")
        if listed is not None and not alone:
            click.echo(f"{'a column for each seed' if per_class else 'row by row, seeds'}: {seeds}")
        return
    assert out is not None
    make_output_directory(out)
    files = [f"{number:06d}.png" for number in range(per_class or count)]
    if listed is not None:
        files = [f"seed{number:04d}.png" for number in listed]
    directories = [out] if per_class is None else list(_class_directories(out, names, classes))
    places = (directory / file for directory in directories for file in files)
    for chunk in chunks:
        for image in chunk:
            place = next(places)
            place.parent.mkdir(exist_ok=True)
            save_image(to_image(image), place)
    click.echo(f"{count} images: {out}")


def _read_seeds(text: str, count: int | None, seed: int | None, per_class: int | None) -> list[int]:
    """Return the seeds of ``--seeds``. Raises GanzooError for options that contradict it."""
    for option, value in (("--count", count), ("--seed", seed)):
        if value is not None:
            raise GanzooError(f"--seeds draws one image for each seed; leave out {option}")
    seeds = read_seeds(text)
    if per_class not in (None, len(seeds)):
        raise GanzooError(f"--per-class is {per_class}, but --seeds lists {len(seeds)}; give --per-class {len(seeds)}")
    return seeds


def _check_conditional(generator: Generator, option: str) -> None:
    """Raise GanzooError if the generator takes no class."""
    from ganzoo.drawing import takes_labels

    if not takes_labels(generator):
        raise GanzooError(f"this generator is not class-conditional; leave {option} out")


def _class_directories(out: Path, names: Sequence[str], classes: int) -> Iterator[Path]:
    """Yield a directory for each class; the names sort in the order of the labels. Class names are not trusted."""
    digits = len(str(classes - 1))
    for label in range(classes):
        name = re.sub(r"[^\w.-]+", "-", names[label])[:60].strip("-.") if names else ""
        yield out / f"{label:0{digits}d}{f'-{name}' if name else ''}"
