"""What every loss must do."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.entries import ImageSpec, LossEntry
from ganzoo.interfaces import Loss
from ganzoo.testing.probe import global_seed, global_state_watched, seeded
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import disc_images
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.training import capture_safe, trains
from ganzoo.testing.verdict import Failure, expect
from ganzoo.training.loop import Loop

IMAGE = ImageSpec(1, 8)
SIDES = ("discriminator", "generator")


class LossPart:
    """A loss with its default parameters, and the stand-in networks."""

    def __init__(self, entry: LossEntry, rig: Rig) -> None:
        self.entry, self.rig = entry, rig
        settings = [text for text in rig.settings if text.startswith("loss.")]
        self.config = rig.config(f"{NAME}+{entry.name}", *settings)

    def make(self) -> Loss:
        """A new one."""
        loss: Loss = self.entry.load()(self.config.values.loss)
        return loss

    def loop(self) -> Loop:
        """Trains the stand-ins with it."""
        return self.rig.loop(self.config, disc_images(IMAGE))


def side(loss: Loss, name: str, d_real: Tensor, d_fake: Tensor) -> Tensor:
    """One of the two values."""
    value: Tensor = getattr(loss, name)(d_real=d_real, d_fake=d_fake)
    return value


def logits(count: int, spread: float = 1.0) -> tuple[Tensor, Tensor]:
    """Of real and of generated images, requiring gradients."""
    rng = seeded()
    real, fake = (spread * torch.randn(count, generator=rng) for _ in SIDES)
    return real.requires_grad_(True), fake.requires_grad_(True)


def interface(part: LossPart) -> None:
    """The class follows its interface and is built from the entry's parameters."""
    cls = part.entry.load()
    expect(isinstance(cls, type) and issubclass(cls, Loss), f"{part.entry.target} is no ganzoo.interfaces.Loss")
    part.make()


def shapes(part: LossPart) -> None:
    """Each side is one number that the logits decide."""
    loss = part.make()
    for name in SIDES:
        value = side(loss, name, *logits(6))
        expect(isinstance(value, Tensor), f"the {name}'s loss is a {type(value).__name__}, expected a tensor")
        expect(value.shape == (), f"the {name}'s loss has shape {tuple(value.shape)}, expected a scalar, ()")
        expect(value.requires_grad, f"the {name}'s loss has no gradient; something detaches or leaves torch")


def facts(part: LossPart) -> None:
    """The generator's side reads d_real only where the entry says generator_needs_real."""
    if part.entry.generator_needs_real:
        return
    try:
        part.make().generator(d_real=None, d_fake=logits(6)[1])
    except Exception as error:
        raise Failure(
            f"the generator's side fails without d_real ({type(error).__name__}); say generator_needs_real=True in the "
            "entry"
        ) from error


def dtypes(part: LossPart) -> None:
    """Float32 logits give a float32 loss."""
    loss = part.make()
    for name in SIDES:
        value = side(loss, name, *logits(6))
        expect(value.dtype == torch.float32, f"the {name}'s loss is {value.dtype}, expected torch.float32")


def batch_of_one(part: LossPart) -> None:
    """One logit on each side is enough."""
    loss = part.make()
    for name in SIDES:
        expect(side(loss, name, *logits(1)).isfinite(), f"the {name}'s loss of a batch of one is not finite")


def finite_gradients(part: LossPart) -> None:
    """Logits of 10,000 on either side give finite losses and finite gradients."""
    loss = part.make()
    for name in SIDES:
        real, fake = (torch.tensor(values, requires_grad=True) for values in ((1e4, -1e4), (-1e4, 1e4)))
        value = side(loss, name, real, fake)
        expect(value.isfinite(), f"the {name}'s loss is {value.item()} at logits of 10,000; use softplus, not log")
        value.backward()
        for given in (real, fake):
            finite = given.grad is None or given.grad.isfinite().all()
            expect(finite, f"the {name}'s loss has a gradient that is not finite at logits of 10,000")


def direction(part: LossPart) -> None:
    """Higher means more real: the discriminator raises real and lowers fake logits, the generator raises fake ones."""
    loss = part.make()
    low, high = torch.linspace(-0.9, -0.1, 9), torch.linspace(-0.9, 0.9, 9)
    real, fake = high.clone().requires_grad_(True), high.flip(0).clone().requires_grad_(True)
    d_real, d_fake = torch.autograd.grad(side(loss, "discriminator", real, fake), (real, fake))
    expect(d_real.mean() < 0, "the discriminator's loss does not fall as logits of real images rise")
    expect(d_fake.mean() > 0, "the discriminator's loss does not rise with logits of generated images")
    fake = low.requires_grad_(True)
    (d_fake,) = torch.autograd.grad(side(loss, "generator", high, fake), fake)
    expect(d_fake.mean() < 0, "the generator's loss does not fall as logits of its images rise")


def determinism(part: LossPart) -> None:
    """The same logits give the same loss."""
    loss = part.make()
    for name in SIDES:
        values = []
        for _ in range(2):
            with global_seed(0):
                values.append(side(loss, name, *logits(6)))
        expect(torch.equal(*values), f"the {name}'s loss of the same logits is another one each time")


def global_random_state(part: LossPart) -> None:
    """Nothing draws from, or seeds, a global random state."""
    with global_state_watched("the loss"):
        loss = part.make()
        for name in SIDES:
            side(loss, name, *logits(6))


CHECKS = (
    interface,
    shapes,
    facts,
    dtypes,
    batch_of_one,
    finite_gradients,
    direction,
    determinism,
    global_random_state,
    capture_safe,
    trains,
)
