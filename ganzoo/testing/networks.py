"""The pair of networks that the architecture checks use."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from ganzoo.drawing import seeded
from ganzoo.entries import ArchitectureEntry, ImageSpec, Needs
from ganzoo.entry import construct
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.testing.probe import global_seed, labels_for
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import disc_images
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.verdict import Failure, Skipped
from ganzoo.training.loop import Loop

SIZES = (8, 9, 16, 28, 30, 32, 36, 48, 64)
LARGER = (96, 128, 192, 256, 512)  # tried if none of the others is supported
FIRST = (16, 8, 32, 28, 64, 48, 36, 30, 9, *LARGER)  # most checks use the first supported one
PER_SAMPLE = Needs(per_sample=True)
CLASSES = 3


class Architecture:
    """A pair of networks with the parameters of an ordinary run and the user's settings."""

    def __init__(self, entry: ArchitectureEntry, rig: Rig) -> None:
        self.entry, self.rig = entry, rig
        self.settings = [text for text in rig.settings if text.startswith(("generator.", "discriminator."))]
        self.config = rig.config(self._recipe, *self.settings)

    @property
    def _recipe(self) -> str:
        return f"{self.entry.name}+{NAME}"

    @cached_property
    def classes(self) -> int:
        """The number of classes that its images must have; 0 if it works without labels."""
        unlabelled = (ImageSpec(channels, size) for channels in (3, 1) for size in FIRST)
        possible = next((image for image in unlabelled if self.refusal(image) is None), None)
        if possible is None:
            return CLASSES
        try:
            networks = self.pair(possible)
        except ValueError:
            return CLASSES
        return CLASSES if any(network.conditional == "required" for network in networks) else 0

    @cached_property
    def channels(self) -> int:
        """The number of channels that most checks use: three, or one if it makes only grey images."""
        return 3 if any(self.refusal(self.spec(3, size)) is None for size in FIRST) else 1

    @cached_property
    def sizes(self) -> list[int]:
        """The supported sizes of :data:`SIZES`; if there are none, the first supported size of :data:`LARGER`."""
        found = [size for size in SIZES if self.refusal(self.spec(self.channels, size)) is None]
        return found or [size for size in LARGER if self.refusal(self.spec(self.channels, size)) is None][:1]

    @cached_property
    def image(self) -> ImageSpec:
        """The spec that most checks use: three channels if possible, three classes and a supported size."""
        for size in FIRST:
            if size in self.sizes:
                return ImageSpec(self.channels, size, classes=CLASSES)
        raise Failure(f"none of the sizes {', '.join(map(str, (*SIZES, *LARGER)))} is supported")

    def spec(self, channels: int, size: int) -> ImageSpec:
        """Return an image spec, with classes only if the networks require them."""
        return ImageSpec(channels, size, classes=self.classes)

    def refusal(self, image: ImageSpec) -> str | None:
        """Return why it cannot make such images; None if it can."""
        try:
            self.entry.check_image(image)
        except ValueError as error:
            return str(error)
        return None

    def pair(
        self, image: ImageSpec | None = None, needs: Needs | None = None, seed: int = 0
    ) -> tuple[Generator, Discriminator]:
        """Return new networks in training mode. Raises ValueError if the discriminator cannot meet the needs."""
        image, values = image or self.image, self.config.values
        with global_seed(seed):
            generator = construct(self.entry.generator, image, values.generator)
            discriminator = construct(self.entry.discriminator, image, values.discriminator, needs or Needs())
        return generator.train(), discriminator.train()

    def per_sample_discriminator(self) -> Discriminator:
        """Return a discriminator that judges each image independently. Raises Skipped if it refuses this."""
        try:
            return self.pair(needs=PER_SAMPLE)[1]
        except ValueError as error:
            raise Skipped(f"its discriminator does not judge each image by itself: {error}") from error

    def loop(self, *settings: str) -> Loop:
        """Return a loop that trains on discs with the logistic loss, with further ``settings``."""
        config = self.rig.config(self._recipe, *self.settings, *settings) if settings else self.config
        return self.rig.loop(config, disc_images(self.image))


def generate(generator: Generator, count: int = 4, seed: int = 0) -> Tensor:
    """Return images as the training step makes them."""
    rng = seeded(seed)
    latents = generator.sample_latents(count, rng)
    return generator(latents, labels_for(generator.image, count), rng=rng)


def judge(discriminator: Discriminator, images: Tensor) -> Tensor:
    """Return logits as the training step asks for them."""
    return discriminator(images.float(), labels_for(discriminator.image, len(images)), rng=seeded())
