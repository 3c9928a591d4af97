"""What every architecture must do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.entries import PictureSpec, load_target
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.testing.gradients import bf16, double_backward, finite_gradients, mixing
from ganzoo.testing.networks import SIZES, Architecture, generate, judge
from ganzoo.testing.probe import random_pictures, seeded
from ganzoo.testing.repetition import determinism, global_random_state, save_and_load
from ganzoo.testing.training import capture_safe, trains
from ganzoo.testing.verdict import Failure, Skipped, expect


def interface(part: Architecture) -> None:
    """Both classes follow their interface, are built from a picture spec, and have no tensor in common."""
    for target, base in ((part.entry.generator, Generator), (part.entry.discriminator, Discriminator)):
        cls = load_target(target)
        expect(isinstance(cls, type) and issubclass(cls, base), f"{target} is no {base.__module__}.{base.__name__}")
    generator, discriminator = part.pair()
    for network, name in ((generator, "generator"), (discriminator, "discriminator")):
        found = getattr(network, "picture", None)
        expect(found == part.picture, f"the {name}'s picture is {found}, expected the spec it was built for")
    dim = getattr(generator, "latent_dim", None)
    expect(isinstance(dim, int) and dim > 0, f"the generator's latent_dim is {dim!r}, must be a whole number above 0")
    shared = {id(tensor) for tensor in _tensors(generator)} & {id(tensor) for tensor in _tensors(discriminator)}
    expect(not shared, "generator and discriminator share a tensor; each must own its weights")


def shapes(part: Architecture) -> None:
    """Pictures (N, C, size, size) and logits (N,), in training and in evaluation."""
    generator, discriminator = part.pair()
    for training in (True, False):
        pictures = generate(generator.train(training))
        expected = (4, part.picture.channels, part.picture.size, part.picture.size)
        expect(pictures.shape == expected, f"the generator makes {tuple(pictures.shape)}, expected {expected}")
        logits = judge(discriminator.train(training), pictures)
        expect(
            logits.shape == (4,),
            f"the discriminator gives {tuple(logits.shape)}, expected one logit each, (4,)",
        )


def dtypes(part: Architecture) -> None:
    """Weights, pictures and logits are float32."""
    for network in part.pair():
        for name, value in network.state_dict().items():
            narrow = not value.is_floating_point() or value.dtype == torch.float32
            expect(narrow, f"{name} is {value.dtype}, expected torch.float32")
    generator, discriminator = part.pair()
    pictures = generate(generator)
    expect(pictures.dtype == torch.float32, f"the pictures are {pictures.dtype}, expected torch.float32")
    logits = judge(discriminator, pictures)
    expect(logits.dtype == torch.float32, f"the logits are {logits.dtype}, expected torch.float32")


def value_range(part: Architecture) -> None:
    """Evaluation's pictures lie in [-1, 1]; logits are finite."""
    generator, discriminator = part.pair()
    with torch.no_grad():
        pictures = generate(generator.eval(), 16)
        expect(pictures.isfinite().all(), "the generator makes pictures that are not finite")
        low, high = pictures.min().item(), pictures.max().item()
        expect(
            low >= -1 and high <= 1,
            f"the generator's pixels go from {low:.3g} to {high:.3g}, must stay in [-1, 1] in evaluation",
        )
        for seen in (pictures, random_pictures(part.picture, 16)):
            expect(judge(discriminator.eval(), seen).isfinite().all(), "the discriminator gives logits not finite")


def batch_of_one(part: Architecture) -> None:
    """One picture alone can be made and judged."""
    generator, discriminator = part.pair()
    with torch.no_grad():
        pictures = generate(generator.eval(), 1)
        expect(pictures.shape[:1] == (1,) and pictures.ndim == 4, f"one latent gives {tuple(pictures.shape)}")
        expect(pictures.isfinite().all(), "one latent gives a picture that is not finite")
        logits = judge(discriminator.eval(), pictures)
        expect(logits.shape == (1,), f"one picture gives logits {tuple(logits.shape)}, expected (1,)")
        expect(logits.isfinite().all(), "one picture gives a logit that is not finite")


def resolutions(part: Architecture) -> None:
    """Every size up to 64 works, grey and in colour, or is refused by check_picture with a reason."""
    for size in SIZES:
        refusal = part.refusal(PictureSpec(3, size))
        expect(refusal is None or refusal.strip(), f"check_picture refuses {size}x{size} without saying why")
    for size in part.sizes:
        for channels in (1, 3):
            picture = PictureSpec(channels, size)
            if part.refusal(picture) is not None:
                continue
            try:
                made = _made_at(part, picture)
            except Exception as error:
                raise Failure(
                    f"check_picture lets {channels}x{size}x{size} pass, but then: {type(error).__name__}: "
                    f"{' '.join(str(error).split())}; refuse it there with a ValueError"
                ) from error
            expected = (2, channels, size, size)
            for pictures, logits in made:
                expect(pictures.shape == expected, f"at size {size} the generator makes {tuple(pictures.shape)}")
                expect(logits.shape == (2,), f"at size {size} the discriminator gives {tuple(logits.shape)}")


def _made_at(part: Architecture, picture: PictureSpec) -> list[tuple[Tensor, Tensor]]:
    """Pictures and logits in training and in evaluation."""
    generator, discriminator = part.pair(picture)
    with torch.no_grad():
        return [
            (
                generate(generator.train(training), 2),
                judge(discriminator.train(training), random_pictures(picture, 2)),
            )
            for training in (True, False)
        ]


def labels(part: Architecture) -> None:
    """A network that is not conditional gives the same with any labels and with none."""
    generator, discriminator = part.pair()
    generator.eval()
    discriminator.eval()
    ones = torch.ones(4, dtype=torch.int64)
    latents = generator.sample_latents(4, seeded())
    pictures = random_pictures(part.picture, 4)
    with torch.no_grad():
        for network, inputs in ((generator, latents), (discriminator, pictures)):
            outputs = [network(inputs, given, rng=seeded()) for given in (ones * 0, ones, None)]
            same = all(torch.equal(output, outputs[0]) for output in outputs)
            name = type(network).__name__
            expect(network.conditional or same, f"{name} reads the labels, but its `conditional` is False")


def truncation(part: Architecture) -> None:
    """If the generator claims truncation, 0 gives one picture for all latents, and 0.5 other pictures than 1."""
    generator = part.pair()[0].eval()
    if not generator.has_truncation:
        raise Skipped("its generator does not claim to have truncation")
    latents = generator.sample_latents(4, seeded())
    with torch.no_grad():
        labels = torch.zeros(4, dtype=torch.int64)
        pictures, half, whole = (generator(latents, labels, truncation=level) for level in (0.0, 0.5, 1.0))
    expect(
        torch.allclose(pictures, pictures[:1].expand_as(pictures), atol=1e-5),
        "has_truncation is True, but with truncation=0 different latents still give different pictures",
    )
    expect(not torch.equal(half, whole), "has_truncation is True, but truncation=0.5 changes no picture")


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


CHECKS = (
    interface,
    shapes,
    dtypes,
    value_range,
    batch_of_one,
    resolutions,
    labels,
    truncation,
    finite_gradients,
    double_backward,
    mixing,
    bf16,
    save_and_load,
    determinism,
    global_random_state,
    capture_safe,
    trains,
)
