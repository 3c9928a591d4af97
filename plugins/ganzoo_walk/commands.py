"""`ganzoo interpolate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.options import PATH, checkpoint_option, read_seeds, source_argument, truncation_option
from ganzoo.errors import GanzooError
from ganzoo.utils.waiting import counted

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

MOST_FRAMES = 10_000  # of one film


@click.command()
@source_argument
@click.option("--seeds", required=True, metavar="LIST", help="The seeds on the way, two or more, e.g. 1,2,3 or 1-8.")
@click.option("--out", type=PATH, help="A .gif, .webp or .mp4. [default: walk.gif in RUN]")
@click.option("--frames", type=int, default=25, show_default=True, help="Frames from one seed to the next.")
@click.option("--fps", type=float, default=25, show_default=True, help="Frames a second.")
@click.option("--scale", type=int, help="Pixels that a pixel becomes along each side. [default: 256 in all, or more]")
@click.option("--class", "label", metavar="NAME|N", help="The class, by its name or its number from 0. [default: the "
              "first seed's]")  # fmt: skip
@truncation_option
@checkpoint_option
def interpolate(
    run: str,
    seeds: str,
    out: Path | None,
    frames: int,
    fps: float,
    scale: int | None,
    label: str | None,
    truncation: float,
    checkpoint: str,
) -> None:
    """Write a film of a walk through a generator's latents, from seed to seed and back to the first.

    RUN is a run's directory, the address of a run, such as hf://OWNER/NAME,
    or registered weights, such as RECIPE@DATA (see ganzoo list --weights).
    """
    from ganzoo_walk.film import check_film, enlargement, write_film

    listed = read_seeds(seeds, repeated=True)
    if len(listed) < 2:
        raise GanzooError("--seeds lists 1 seed; a walk has 2 or more")
    if not 1 <= frames <= MOST_FRAMES // len(listed):
        most = MOST_FRAMES // len(listed)
        raise GanzooError(f"--frames is {frames}, must be 1 to {most} with {len(listed)} seeds")
    check_film(out or Path("walk.gif"), fps)

    from ganzoo.api import load
    from ganzoo.drawing import takes_labels
    from ganzoo.models.sampling import to_image
    from ganzoo.runs.class_names import find_class
    from ganzoo.runs.store import output_directory
    from ganzoo_walk.walk import class_of, walk

    loaded = load(run)
    generator = loaded.generator(checkpoint)
    size, classes = generator.image.size, generator.image.classes
    scale = enlargement(size, scale)
    conditional = takes_labels(generator)
    if label is not None and not conditional:
        raise GanzooError("this generator is not class-conditional; leave --class out")
    names = loaded.class_names if conditional else ()
    chosen = class_of(generator, listed[0]) if label is None else find_class(label, names, classes)

    def enlarged(pixels: Tensor) -> Image.Image:
        return to_image(pixels.repeat_interleave(scale, 1).repeat_interleave(scale, 2))

    file = out or output_directory(run, loaded.path) / "walk.gif"
    count = len(listed) * frames
    drawn = counted("drawing frames", walk(generator, listed, frames, chosen, truncation), count, "frames")
    write_film(map(enlarged, drawn), file, fps)
    of = "" if chosen is None else f" of class {names[chosen] if names else chosen}"
    click.echo(f"{count} frames{of}, {count / fps:.3g} seconds: {file}")
