"""The images of a snapshot, and the discriminator's logits for them.

samples/NAME.png     images of the averaged generator, from the same latents for the whole run; if the generator is
                     conditional, in the order of the classes
verdicts/real.png    a grid of real images, the same for the whole run
verdicts/NAME.json   the discriminator's logits for both grids, in the grids' order; if the generator is conditional,
                     also the labels of the generated images
"""

from __future__ import annotations

import json

import torch
from PIL import Image
from torch import Tensor

from ganzoo.config.schema import Config
from ganzoo.data.loader import Feed
from ganzoo.drawing import takes_labels
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.models.sampling import grid, grid_labels, labels_of, sample, save_image
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.grid_classes import LABELS
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import write_text, writing
from ganzoo.utils.image_grid import GRID

COUNT = GRID**2


def has_images(directory: RunDir, checkpoint: Checkpoint) -> bool:
    """Return whether :func:`take_images` has finished for a checkpoint."""
    return (directory.verdicts / f"{checkpoint.path.name}.json").exists()


def take_images(
    directory: RunDir,
    checkpoint: Checkpoint,
    generator: Generator,
    discriminator: Discriminator,
    real: tuple[Tensor, Tensor | None],
    config: Config,
) -> Image.Image:
    """Write all three files for a checkpoint just written; return the grid of generated images.

    No random state changes. real: the result of :func:`real_images`.
    """
    name, seed, loss = checkpoint.path.name, config.values.seed, config.recipe.loss
    ordered = grid_labels(generator.image.classes) if takes_labels(generator) else None
    fake = torch.cat(list(sample(generator, COUNT, seed, label=ordered)))
    image = grid(fake, GRID)
    with writing(directory.samples):
        directory.samples.mkdir(exist_ok=True)
        directory.verdicts.mkdir(exist_ok=True)
    save_image(image, directory.samples / f"{name}.png")
    if not (directory.verdicts / "real.png").exists():
        save_image(grid(real[0], GRID), directory.verdicts / "real.png")
    labels = labels_of(generator, COUNT, seed) if ordered is None else ordered
    d_fake, d_real = judge(discriminator, fake, labels, *real)
    record = {
        "shown": checkpoint.meta["shown"],
        "zero_is_border": loss.zero_is_border,
        "probability": loss.probability,
        "d_fake": d_fake,
        "d_real": d_real,
        **({} if ordered is None else {LABELS: ordered.tolist()}),
    }
    write_text(directory.verdicts / f"{name}.json", json.dumps(record))
    return image


def real_images(feed: Feed, seed: int) -> tuple[Tensor, Tensor | None]:
    """Return real images for one grid, uint8 ``(N, C, H, W)``, drawn by the seed, and their labels or None.

    If the data set is smaller than the grid, its images repeat.
    """
    order = torch.randperm(feed.count, generator=torch.Generator().manual_seed(seed))
    index = order[torch.arange(COUNT) % feed.count]
    labels = None if feed.labels is None else feed.labels[index.to(feed.device)]
    return torch.from_numpy(feed.array[index.numpy()]), labels


@torch.no_grad()
def judge(
    discriminator: Discriminator, fake: Tensor, fake_labels: Tensor | None, real: Tensor, real_labels: Tensor | None
) -> tuple[list[float], list[float]]:
    """Return the discriminator's current logits for generated and for real images, uint8 ``(N, C, H, W)``.

    If the discriminator has a logit for each patch, the values are means over an image's patches. A discriminator that
    mixes the samples of a batch runs in training mode, with one call for each side, because it was trained that way;
    its buffers are restored afterwards.
    """
    device = next(discriminator.parameters()).device
    before = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}
    training = discriminator.training
    discriminator.train(discriminator.mixes_samples)
    sides = []
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for images, labels in ((fake, fake_labels), (real, real_labels)):
            moved = images.to(device).float().div(127.5).sub(1)
            rng = torch.Generator().manual_seed(0)
            logits = discriminator(moved, None if labels is None else labels.to(device), rng=rng)
            each = logits.float().flatten(1).mean(1) if logits.ndim > 1 else logits.float()
            sides.append([float(f"{value:.4g}") for value in each.tolist()])
    discriminator.train(training)
    for name, buffer in discriminator.named_buffers():
        buffer.copy_(before[name])
    return sides[0], sides[1]
