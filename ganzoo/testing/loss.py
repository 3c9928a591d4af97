"""What every loss must do."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ganzoo.entries import ImageSpec, LossEntry, Needs
from ganzoo.interfaces import Loss
from ganzoo.testing.loss_inputs import CLASS_COUNT, LossInputs, Watched, loss_inputs
from ganzoo.testing.modes import Modes
from ganzoo.testing.placing import one_device
from ganzoo.testing.probe import global_seed, global_state_watched
from ganzoo.testing.resuming import resumes
from ganzoo.testing.rig import Rig
from ganzoo.testing.sharing import devices
from ganzoo.testing.stand_in_parts import CLASSES, StandInDiscriminator
from ganzoo.testing.stand_ins import CONDITIONAL, NAME
from ganzoo.testing.training import Trained, capture_safe, trains
from ganzoo.testing.verdict import Failure, Skipped, expect

SIDES = ("discriminator", "generator")
SUMMED = 1.5  # a gradient that grows by this factor if the batch is repeated is not averaged


class LossPart(Trained):
    """A loss with its default parameters, and stand-in networks with the heads and labels that it needs."""

    def __init__(self, entry: LossEntry, rig: Rig) -> None:
        self.entry = entry
        needs_classes = entry.needs.labels or CLASSES in entry.needs.outputs
        recipe = f"{CONDITIONAL if needs_classes else NAME}+{entry.name}"
        image = ImageSpec(1, 8, classes=CLASS_COUNT if needs_classes else 0)
        super().__init__(rig, recipe, image, prefixes=("loss.",))

    def make(self) -> Loss:
        """Return a new loss, built with the global random state seeded, as for a run."""
        with global_seed(0):
            loss: Loss = self.entry.construct(self.config.values.loss)
        return loss

    def inputs(self, count: int = 6, *, spread: float = 1.0, patches: bool = False) -> LossInputs:
        """Return inputs with the heads that the loss needs, and labels if it needs them."""
        return loss_inputs(self.entry.needs, count, spread=spread, patches=patches)

    def value(self, loss: Loss, side: str, inputs: LossInputs) -> Tensor:
        """Return one side as the training step asks for it."""
        return inputs.value(loss, side, real_given=side == "discriminator" or self.entry.generator_needs_real)


def interface(part: LossPart) -> None:
    """Check that the class follows its interface and is built from the entry's parameters."""
    cls = part.entry.load()
    expect(isinstance(cls, type) and issubclass(cls, Loss), f"{part.entry.target} is not a ganzoo.interfaces.Loss")
    expect(not list(part.make().parameters()), "it has parameters, which no optimizer trains; a network must hold them")


def shapes(part: LossPart) -> None:
    """Check that each side is a scalar that has a gradient."""
    loss = part.make()
    for name in SIDES:
        value = part.inputs().value(loss, name)
        expect(isinstance(value, Tensor), f"the {name}'s loss is a {type(value).__name__}, expected a tensor")
        expect(value.shape == (), f"the {name}'s loss has shape {tuple(value.shape)}, expected a scalar, ()")
        expect(value.requires_grad, f"the {name}'s loss has no gradient; something detaches or leaves torch")


def facts(part: LossPart) -> None:
    """Check that the generator's side reads d_real only if the entry says generator_needs_real."""
    if part.entry.generator_needs_real:
        return
    try:
        part.inputs().value(part.make(), "generator", real_given=False)
    except Exception as error:
        raise Failure(
            f"the generator's side fails without d_real ({type(error).__name__}); set generator_needs_real=True in the "
            "entry"
        ) from error


def inputs_left_alone(part: LossPart) -> None:
    """Check that the loss changes no logits, other outputs, labels, latents or progress."""
    loss = part.make()
    for name in SIDES:
        for labelled in (False, True):
            given = loss_inputs(part.entry.needs, spread=3.0, labelled=labelled)
            # As in a step, no tensor is a leaf: torch would refuse an in-place change of a leaf with its own message.
            given = replace(given, real=given.real.map(Tensor.clone), fake=given.fake.map(Tensor.clone))
            watched = Watched(given.tensors())
            part.value(loss, name, given)
            written = watched.written()
            expect(not written, f"the {name}'s loss writes into {' and '.join(written)}; work on a copy")


def dtypes(part: LossPart) -> None:
    """Check that float32 logits give a float32 loss."""
    loss = part.make()
    for name in SIDES:
        value = part.value(loss, name, part.inputs())
        expect(value.dtype == torch.float32, f"the {name}'s loss is {value.dtype}, expected torch.float32")


def batch_of_one(part: LossPart) -> None:
    """Check that the loss of one real and one generated image is finite."""
    loss = part.make()
    for name in SIDES:
        value = part.value(loss, name, part.inputs(1))
        expect(value.isfinite(), f"the {name}'s loss of a batch of one is not finite")


def progress(part: LossPart) -> None:
    """Check that both sides are finite at the start, in the middle and at the end of a run, with and without labels."""
    loss = part.make()
    for name in SIDES:
        for share in (0.0, 0.5, 1.0):
            for labelled in (False, True):
                inputs = loss_inputs(part.entry.needs, labelled=labelled).at(share)
                expect(
                    part.value(loss, name, inputs).isfinite(), f"the {name}'s loss is not finite at progress {share:g}"
                )


def patches(part: LossPart) -> None:
    """Check that logits (N, 4, 4) give a finite scalar. Raises Skipped if the entry does not set patches."""
    if not part.entry.patches:
        raise Skipped("its entry does not set patches=True, so it takes one logit for each image")
    loss = part.make()
    for name in SIDES:
        try:
            value = part.value(loss, name, part.inputs(patches=True))
        except Exception as error:
            raise Failure(
                f"the {name}'s loss fails with logits (6, 4, 4) ({type(error).__name__}); set patches=False"
            ) from error
        expect(value.shape == (), f"the {name}'s loss of logits (6, 4, 4) has shape {tuple(value.shape)}, expected ()")
        expect(value.isfinite(), f"the {name}'s loss of logits (6, 4, 4) is not finite")


def finite_gradients(part: LossPart) -> None:
    """Check that logits of 10,000 and -10,000 give finite losses and finite gradients."""
    loss = part.make()
    for name in SIDES:
        real, fake = (torch.tensor(values, requires_grad=True) for values in ((1e4, -1e4), (-1e4, 1e4)))
        value = part.value(loss, name, part.inputs(2).with_logits(real, fake))
        expect(value.isfinite(), f"the {name}'s loss is {value.item()} at logits of 10,000; use softplus, not log")
        value.backward()
        for given in (real, fake):
            finite = given.grad is None or given.grad.isfinite().all()
            expect(finite, f"the {name}'s loss has a gradient that is not finite at logits of 10,000")


def direction(part: LossPart) -> None:
    """Check that the discriminator raises real logits and lowers fake ones, and that the generator raises fake ones.

    A side may be 0 at the beginning, such as one that fades in: later parts of a run are tried then.
    """
    loss = part.make()
    low, high = torch.linspace(-0.9, -0.1, 9), torch.linspace(-0.9, 0.9, 9)
    # Fakes above real images, so that losses with targets of 0 and 1 must lower them too.
    real, fake = high.clone().requires_grad_(True), (high.flip(0) + 1).requires_grad_(True)
    d_real, d_fake = _slopes(part, loss, "discriminator", real, fake)
    expect(d_real < 0, "the discriminator's loss does not fall as logits of real images rise")
    expect(d_fake > 0, "the discriminator's loss does not rise with logits of generated images")
    _, d_fake = _slopes(part, loss, "generator", high.requires_grad_(True), low.requires_grad_(True))
    expect(d_fake < 0, "the generator's loss does not fall as logits of its images rise")


def _slopes(part: LossPart, loss: Loss, side: str, real: Tensor, fake: Tensor) -> list[float]:
    """Return the mean gradient of a side's loss in the real and in the fake logits, each at the first progress at which
    it is not 0."""
    slopes = [0.0, 0.0]
    for share in (0.0, 0.5, 1.0):
        value = part.value(loss, side, part.inputs(9).with_logits(real, fake).at(share))
        found = torch.autograd.grad(value, (real, fake), allow_unused=True)
        slopes = [old or (0.0 if new is None else new.mean().item()) for old, new in zip(slopes, found, strict=True)]
    return slopes


def averaged(part: LossPart) -> None:
    """Check that repeating the batch does not increase the total gradient: a mean keeps it, a sum doubles it."""
    for name in SIDES:
        once, twice = part.inputs(), part.inputs().map(lambda rows: torch.cat([rows, rows])).differentiable()
        sizes = [_gradients(part.value(part.make(), name, inputs), inputs) for inputs in (once, twice)]
        for what, size in sizes[0].items():
            expect(
                sizes[1][what] < SUMMED * size or not size,
                f"repeating the batch makes the gradient of the {name}'s loss with respect to {what} "
                f"{sizes[1][what] / max(size, 1e-12):.3g} times as large; average over the batch: mean(), not sum()",
            )


def _gradients(value: Tensor, inputs: LossInputs) -> dict[str, float]:
    """Return the sum of the absolute gradient of each output."""
    outputs = {name: tensor for name, tensor in inputs.tensors().items() if tensor.requires_grad}
    found = torch.autograd.grad(value, list(outputs.values()), allow_unused=True)
    return {
        name: 0.0 if gradient is None else gradient.abs().sum().item()
        for name, gradient in zip(outputs, found, strict=True)
    }


def determinism(part: LossPart) -> None:
    """Check that the same logits give the same loss."""
    for name in SIDES:
        values = []
        for _ in range(2):
            with global_seed(0):
                values.append(part.value(part.make(), name, part.inputs()))
        expect(torch.equal(*values), f"the {name}'s loss of the same logits differs each time")


def global_random_state(part: LossPart) -> None:
    """Check that the loss does not draw from, or seed, a global random state."""
    loss = part.make()
    with global_state_watched("the loss"):
        for name in SIDES:
            part.value(loss, name, part.inputs())


def networks_left_alone(part: LossPart) -> None:
    """Check that `constrain` leaves the discriminator in training mode, with the same requires_grad."""
    with global_seed(0):
        discriminator = StandInDiscriminator(part.image, None, Needs())
    loss, modes = part.make(), Modes(discriminator.train())
    with torch.no_grad():
        loss.constrain(discriminator)
    changed = modes.changed()
    expect(not changed, f"constrain leaves the discriminator {changed}; put it back")


CHECKS = (
    interface,
    shapes,
    facts,
    inputs_left_alone,
    dtypes,
    batch_of_one,
    progress,
    patches,
    finite_gradients,
    direction,
    averaged,
    determinism,
    global_random_state,
    networks_left_alone,
    resumes,
    devices,
    one_device,
    capture_safe,
    trains,
)
