"""What every architecture must do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.drawing import seeded
from ganzoo.entries import ImageSpec, LossEntry, PenaltyEntry, load_target
from ganzoo.errors import GanzooError, described
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.testing.conditioning import inputs_left_alone, labels
from ganzoo.testing.gradients import bf16, double_backward, finite_gradients, mixing
from ganzoo.testing.networks import SIZES, Architecture, generate, judge
from ganzoo.testing.outputs import outputs
from ganzoo.testing.placing import one_device
from ganzoo.testing.probe import random_images
from ganzoo.testing.repetition import determinism, global_random_state, save_and_load
from ganzoo.testing.resuming import resumes
from ganzoo.testing.sharing import devices
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.training import capture_safe, trains
from ganzoo.testing.verdict import Failure, Skipped, expect


def interface(part: Architecture) -> None:
    """Check that both classes follow their interface, are built from an image spec, and share no tensor."""
    for target, base in ((part.entry.generator, Generator), (part.entry.discriminator, Discriminator)):
        cls = load_target(target)
        expect(isinstance(cls, type) and issubclass(cls, base), f"{target} is not a {base.__module__}.{base.__name__}")
    generator, discriminator = part.pair()
    for network, name in ((generator, "generator"), (discriminator, "discriminator")):
        found = getattr(network, "image", None)
        expect(found == part.image, f"the {name}'s image is {found}, expected the spec it was built for")
        known = network.conditional in (False, True, "required")
        expect(known, f'the {name}\'s conditional is {network.conditional!r}, must be False, True or "required"')
    required = any(network.conditional == "required" for network in (generator, discriminator))
    expect(
        required or not part.classes,
        'it refuses images without classes, but neither network says conditional = "required"',
    )
    dim = getattr(generator, "latent_dim", None)
    expect(isinstance(dim, int) and dim > 0, f"the generator's latent_dim is {dim!r}, must be a whole number above 0")
    shared = {id(tensor) for tensor in _tensors(generator)} & {id(tensor) for tensor in _tensors(discriminator)}
    expect(not shared, "generator and discriminator share a tensor; each must own its weights")


def tuned(part: Architecture) -> None:
    """Check that the settings in `tuned` exist and are valid, for the losses and penalties that are installed."""
    registry, own = part.rig.registry, part.entry
    for names, settings in own.tuned.items():
        split = names.split("+")
        losses = [loss.name for name in split if (loss := registry.lookup(LossEntry, name, near=own))]
        others = [penalty.name for name in split if (penalty := registry.lookup(PenaltyEntry, name, near=own))]
        if len(losses) + len(others) < len(split):
            continue
        try:
            part.rig.config("+".join([own.name, *(losses or [NAME]), *others]))
        except GanzooError as error:
            raise Failure(f"tuned[{names!r}] = {dict(settings)}: {error}") from error


def shapes(part: Architecture) -> None:
    """Check that images are (N, C, size, size) and logits (N,), or (N, ...) for patches, in training and evaluation."""
    generator, discriminator = part.pair()
    for training in (True, False):
        images = generate(generator.train(training))
        expected = (4, part.image.channels, part.image.size, part.image.size)
        expect(images.shape == expected, f"the generator makes {tuple(images.shape)}, expected {expected}")
        logits = judge(discriminator.train(training), images)
        _expect_logits(logits, 4)


def _expect_logits(logits: Tensor, count: int, where: str = "") -> None:
    """Expect one logit for each image, ``(count,)``, or several for its patches."""
    patches = logits.shape[:1] == (count,) and logits.numel() > count
    expect(
        logits.shape == (count,) or patches,
        f"{where}the discriminator gives {tuple(logits.shape)}, expected one logit each, ({count},)",
    )


def dtypes(part: Architecture) -> None:
    """Check that weights, images and logits are float32."""
    for network in part.pair():
        for name, value in network.state_dict().items():
            narrow = not value.is_floating_point() or value.dtype == torch.float32
            expect(narrow, f"{name} is {value.dtype}, expected torch.float32")
    generator, discriminator = part.pair()
    images = generate(generator)
    expect(images.dtype == torch.float32, f"the images are {images.dtype}, expected torch.float32")
    logits = judge(discriminator, images)
    expect(logits.dtype == torch.float32, f"the logits are {logits.dtype}, expected torch.float32")


def value_range(part: Architecture) -> None:
    """Check that images in evaluation mode are finite and in [-1, 1], and that logits are finite."""
    generator, discriminator = part.pair()
    with torch.no_grad():
        images = generate(generator.eval(), 16)
        expect(images.isfinite().all(), "the generator makes images that are not finite")
        low, high = images.min().item(), images.max().item()
        expect(
            low >= -1 and high <= 1,
            f"the generator's pixels go from {low:.3g} to {high:.3g}, must stay in [-1, 1] in evaluation",
        )
        grey = low >= 0 and images.mean() > 0.25  # as a sigmoid makes them; those of an untrained tanh are near 0
        expect(not grey, f"the generator's pixels go from {low:.3g} to {high:.3g}, but black is -1; use tanh")
        for seen in (images, random_images(part.image, 16)):
            finite = judge(discriminator.eval(), seen).isfinite().all()
            expect(finite, "the discriminator gives logits that are not finite")


def batch_of_one(part: Architecture) -> None:
    """Check that a batch of one image can be generated and judged."""
    generator, discriminator = part.pair()
    with torch.no_grad():
        images = generate(generator.eval(), 1)
        expect(images.shape[:1] == (1,) and images.ndim == 4, f"one latent gives {tuple(images.shape)}")
        expect(images.isfinite().all(), "one latent gives an image that is not finite")
        logits = judge(discriminator.eval(), images)
        _expect_logits(logits, 1)
        expect(logits.isfinite().all(), "one image gives a logit that is not finite")


def resolutions(part: Architecture) -> None:
    """Check that each size up to 64, in grey and in colour, either works or is refused by check_image with a reason.

    Images have classes only if the networks require labels. Larger sizes are tried only if all of these are refused.
    """
    for size in SIZES:
        refusal = part.refusal(part.spec(3, size))
        expect(refusal is None or refusal.strip(), f"check_image refuses {size}x{size} without saying why")
    for size in part.sizes:
        for channels in (1, 3):
            image = part.spec(channels, size)
            if part.refusal(image) is not None:
                continue
            try:
                made = _made_at(part, image)
            except Exception as error:
                raise Failure(
                    f"check_image lets {channels}x{size}x{size} pass, but then: {described(error)}; "
                    "refuse it there with a ValueError"
                ) from error
            expected = (2, channels, size, size)
            for images, logits in made:
                expect(images.shape == expected, f"at size {size} the generator makes {tuple(images.shape)}")
                _expect_logits(logits, 2, f"at size {size} ")


def _made_at(part: Architecture, image: ImageSpec) -> list[tuple[Tensor, Tensor]]:
    """Return images and logits, first in training mode, then in evaluation mode."""
    generator, discriminator = part.pair(image)
    with torch.no_grad():
        return [
            (
                generate(generator.train(training), 2),
                judge(discriminator.train(training), random_images(image, 2)),
            )
            for training in (True, False)
        ]


def truncation(part: Architecture) -> None:
    """Check that truncation 0 gives the same image for all latents, and that 0.5 and 1 give different images."""
    generator = part.pair()[0].eval()
    if not generator.has_truncation:
        raise Skipped("its generator does not claim to have truncation")
    latents = generator.sample_latents(4, seeded())
    with torch.no_grad():
        labels = torch.zeros(4, dtype=torch.int64)
        images, half, whole = (generator(latents, labels, truncation=level) for level in (0.0, 0.5, 1.0))
    expect(
        torch.allclose(images, images[:1].expand_as(images), atol=1e-5),
        "has_truncation is True, but with truncation=0 different latents still give different images",
    )
    expect(not torch.equal(half, whole), "has_truncation is True, but truncation=0.5 changes no image")


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


CHECKS = (
    interface,
    tuned,
    shapes,
    inputs_left_alone,
    dtypes,
    value_range,
    batch_of_one,
    resolutions,
    labels,
    outputs,
    truncation,
    finite_gradients,
    double_backward,
    mixing,
    bf16,
    save_and_load,
    determinism,
    global_random_state,
    resumes,
    devices,
    one_device,
    capture_safe,
    trains,
)
