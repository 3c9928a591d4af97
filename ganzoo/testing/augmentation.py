"""What every augmentation must do."""

from __future__ import annotations

import torch
from safetensors.torch import load, save
from torch import Tensor

from ganzoo.drawing import seeded
from ganzoo.entries import AugmentationEntry, ImageSpec
from ganzoo.errors import described
from ganzoo.interfaces import Augmentation
from ganzoo.testing.loss_inputs import Watched
from ganzoo.testing.networks import SIZES
from ganzoo.testing.placing import one_device
from ganzoo.testing.probe import copied, global_seed, global_state_watched, random_images
from ganzoo.testing.resuming import resumes
from ganzoo.testing.rig import Rig
from ganzoo.testing.sharing import devices
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.training import Trained, capture_safe, trains
from ganzoo.testing.verdict import Failure, expect
from ganzoo.utils.keywords import accepted

IMAGE = ImageSpec(3, 16)
MANY = 32  # images; enough that their random numbers are not all alike


class AugmentationPart(Trained):
    """An augmentation with its default parameters, at full strength."""

    def __init__(self, entry: AugmentationEntry, rig: Rig) -> None:
        self.entry = entry
        super().__init__(rig, f"{NAME}+{NAME}+{entry.name}", IMAGE, prefixes=("augmentation.",))

    def make(self, image: ImageSpec = IMAGE, seed: int = 0) -> Augmentation:
        """Return a new augmentation at strength 1, built with the global random state seeded, as for a run."""
        with global_seed(seed):
            augmentation: Augmentation = self.entry.construct(image, self.config.values.augmentation)
        with torch.no_grad():
            augmentation.strength.fill_(1)
        return augmentation


def interface(part: AugmentationPart) -> None:
    """Check that the class follows its interface and is built from an image spec and the entry's parameters."""
    cls = part.entry.load()
    expect(
        isinstance(cls, type) and issubclass(cls, Augmentation),
        f"{part.entry.target} is not a ganzoo.interfaces.Augmentation",
    )
    part.make()


def shapes(part: AugmentationPart) -> None:
    """Check that the images keep their shape and are finite."""
    given = random_images(IMAGE, 4)
    found = part.make()(given, seeded())
    expect(found.shape == given.shape, f"images {tuple(given.shape)} come out as {tuple(found.shape)}")
    expect(found.isfinite().all(), "images come out not finite")


def inputs_left_alone(part: AugmentationPart) -> None:
    """Check that the augmentation does not change its input images."""
    given = random_images(IMAGE, 4)
    watched = Watched({"the images": given})
    part.make()(given, seeded())
    expect(not watched.written(), "the augmentation writes into the images that it is given; work on a copy")


def dtypes(part: AugmentationPart) -> None:
    """Check that float32 images stay float32."""
    found = part.make()(random_images(IMAGE, 4), seeded())
    expect(found.dtype == torch.float32, f"float32 images come out as {found.dtype}")


def strength(part: AugmentationPart) -> None:
    """Check that strength is a scalar buffer that stays in [0, 1] for very high and very low logits."""
    augmentation = part.make()
    kept = dict(augmentation.named_buffers()).get("strength")
    expect(kept is not None and kept.shape == (), "strength must be a scalar buffer; the base class makes it")
    with torch.no_grad():
        for logit in (100.0, -100.0):
            for _ in range(2000):
                _adapt(augmentation, torch.full((64,), logit))
            value = augmentation.strength.item()
            expect(0 <= value <= 1, f"strength becomes {value:.3g} at logits of {logit:g}, must stay in [0, 1]")


def batch_of_one(part: AugmentationPart) -> None:
    """Check that a batch of one image gives one finite image."""
    found = part.make()(random_images(IMAGE, 1), seeded())
    expect(found.shape[:1] == (1,) and found.isfinite().all(), "a batch of one does not come out as one finite image")


def resolutions(part: AugmentationPart) -> None:
    """Check that each size up to 64 works, in grey and in colour."""
    for size in SIZES:
        for channels in (1, 3):
            given = random_images(ImageSpec(channels, size), 2)
            try:
                found = part.make(ImageSpec(channels, size))(given, seeded())
            except Exception as error:
                raise Failure(f"at {channels}x{size}x{size}: {described(error)}") from error
            expect(found.shape == given.shape, f"{channels}x{size}x{size} comes out as {tuple(found.shape)}")
            expect(found.isfinite().all(), f"{channels}x{size}x{size} comes out not finite")


def own_draws(part: AugmentationPart) -> None:
    """Check that each image of a batch is augmented by its own random numbers."""
    same = random_images(IMAGE, 1).expand(MANY, -1, -1, -1)
    found = part.make()(same, seeded())
    expect(
        any(not torch.allclose(found[0], other) for other in found[1:]),
        f"{MANY} equal images come out equal; draw numbers for each image of the batch",
    )


def double_backward(part: AugmentationPart) -> None:
    """Check that it is twice differentiable with respect to the images, as a gradient penalty requires."""
    augmentation = part.make()
    images = random_images(IMAGE, 4).requires_grad_(True)
    value = augmentation(images, seeded()).tanh().square().sum()
    (gradient,) = torch.autograd.grad(value, images, create_graph=True)
    expect(gradient.abs().sum() > 0, "no gradient reaches the images; something detaches on the way")
    expect(gradient.requires_grad, "the gradient cannot be differentiated again; something detaches on the way")
    (second,) = torch.autograd.grad(gradient.square().sum(), images)
    finite = bool(gradient.isfinite().all() and second.isfinite().all())
    expect(finite, "the first or second derivative is not finite")


def save_and_load(part: AugmentationPart) -> None:
    """Check that another augmentation, loaded through safetensors, has the same strength and makes the same images."""
    one, other = part.make(), part.make(seed=1)
    with torch.no_grad():
        one.strength.fill_(0.75)
        _adapt(one, torch.linspace(-1, 1, 8))
    other.load_state_dict(load(save(copied(one.state_dict()))))
    expect(torch.equal(one.strength, other.strength), "the strength differs after saving and loading")
    found = [augmentation(random_images(IMAGE, MANY), seeded()) for augmentation in (one, other)]
    expect(torch.equal(*found), "the images differ after saving and loading; keep the state in buffers")


def determinism(part: AugmentationPart) -> None:
    """Check that the rng decides the result: the same seed gives the same images, another seed different ones."""
    augmentation, found = part.make(), list[Tensor]()
    for seed in (0, 0, 1):
        with global_seed(0):
            found.append(augmentation(random_images(IMAGE, MANY), seeded(seed)))
    expect(torch.equal(found[0], found[1]), "the same images and rng give different results each time")
    expect(not torch.equal(found[0], found[2]), "another rng changes nothing; draw from the given rng")


def global_random_state(part: AugmentationPart) -> None:
    """Check that the augmentation does not draw from, or seed, a global random state."""
    augmentation = part.make()
    with global_state_watched("the augmentation"):
        augmentation(random_images(IMAGE, 4), seeded())


def _adapt(augmentation: Augmentation, d_real: Tensor) -> None:
    """Adapt an augmentation as a step does, in the middle of a run."""
    augmentation.adapt(d_real, **dict.fromkeys(accepted(augmentation.adapt, ("progress",)), torch.tensor(0.5)))


CHECKS = (
    interface,
    shapes,
    inputs_left_alone,
    dtypes,
    strength,
    batch_of_one,
    resolutions,
    own_draws,
    double_backward,
    save_and_load,
    determinism,
    global_random_state,
    resumes,
    devices,
    one_device,
    capture_safe,
    trains,
)
