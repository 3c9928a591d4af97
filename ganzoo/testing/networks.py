"""A pair of networks as the checks see it."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from ganzoo.entries import ArchitectureEntry, ImageSpec, Needs
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.testing.probe import global_seed, labels_for, seeded
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import disc_images
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.verdict import Failure, Skipped
from ganzoo.training.loop import Loop

SIZES = (8, 9, 16, 28, 30, 32, 36, 48, 64)
LARGER = (128, 256)  # looked at where none of the others is supported
FIRST = (16, 8, 32, 28, 64, 48, 36, 30, 9, *LARGER)  # the first of these is what most checks look at
PER_SAMPLE = Needs(per_sample=True)
CLASSES = 3


class Architecture:
    """A pair of networks with the parameters of an ordinary run, but for the settings the user gave."""

    def __init__(self, entry: ArchitectureEntry, rig: Rig) -> None:
        self.entry, self.rig = entry, rig
        self.settings = [text for text in rig.settings if text.startswith(("generator.", "discriminator."))]
        self.config = rig.config(self._recipe, *self.settings)

    @property
    def _recipe(self) -> str:
        return f"{self.entry.name}+{NAME}"

    @cached_property
    def classes(self) -> int:
        """The classes without which it cannot be made; 0 if it can do without labels."""
        unlabelled = [ImageSpec(3, size) for size in FIRST if self.refusal(ImageSpec(3, size)) is None]
        if not unlabelled:
            return CLASSES
        try:
            networks = self.pair(unlabelled[0])
        except ValueError:
            return CLASSES
        return CLASSES if any(network.conditional == "required" for network in networks) else 0

    @cached_property
    def sizes(self) -> list[int]:
        """Those of :data:`SIZES` it supports, or the first larger one."""
        found = [size for size in SIZES if self.refusal(self.spec(3, size)) is None]
        return found or [size for size in LARGER if self.refusal(self.spec(3, size)) is None][:1]

    @cached_property
    def image(self) -> ImageSpec:
        """Three channels, three classes, of a size that it supports."""
        for size in FIRST:
            if size in self.sizes:
                return ImageSpec(3, size, classes=CLASSES)
        raise Failure(f"none of the sizes {', '.join(map(str, (*SIZES, *LARGER)))} is supported")

    def spec(self, channels: int, size: int) -> ImageSpec:
        """An image, with classes only if it requires them."""
        return ImageSpec(channels, size, classes=self.classes)

    def refusal(self, image: ImageSpec) -> str | None:
        """Why it cannot make such an image; None where it can."""
        try:
            self.entry.check_image(image)
        except ValueError as error:
            return str(error)
        return None

    def pair(
        self, image: ImageSpec | None = None, needs: Needs | None = None, seed: int = 0
    ) -> tuple[Generator, Discriminator]:
        """Both networks, in training mode. Raises ValueError where the discriminator cannot meet the needs."""
        image, values = image or self.image, self.config.values
        with global_seed(seed):
            generator = self.entry.load_generator()(image, values.generator)
            discriminator = self.entry.load_discriminator()(image, values.discriminator, needs or Needs())
        return generator.train(), discriminator.train()

    def per_sample_discriminator(self) -> Discriminator:
        """Skipped where it refuses to be one."""
        try:
            return self.pair(needs=PER_SAMPLE)[1]
        except ValueError as error:
            raise Skipped(f"its discriminator does not judge each image by itself: {error}") from error

    def loop(self, *settings: str) -> Loop:
        """Trains on discs with the logistic loss; ``settings``: further ones."""
        config = self.rig.config(self._recipe, *self.settings, *settings) if settings else self.config
        return self.rig.loop(config, disc_images(self.image))


def generate(generator: Generator, count: int = 4, seed: int = 0) -> Tensor:
    """Images as the training step makes them."""
    rng = seeded(seed)
    latents = generator.sample_latents(count, rng)
    return generator(latents, labels_for(generator.image, count), rng=rng)


def judge(discriminator: Discriminator, images: Tensor) -> Tensor:
    """Logits as the training step asks for them."""
    return discriminator(images.float(), labels_for(discriminator.image, len(images)), rng=seeded())
