"""What every penalty must do."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from ganzoo.entries import ImageSpec, Needs, PenaltyEntry
from ganzoo.interfaces import Penalty, PenaltyInputs
from ganzoo.testing.probe import global_seed, global_state_watched, random_images, seeded, weights_of
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import StandInDiscriminator, StandInGenerator, disc_images
from ganzoo.testing.stand_ins import NAME
from ganzoo.testing.training import capture_safe, trains
from ganzoo.testing.verdict import expect
from ganzoo.training.loop import Loop

IMAGE = ImageSpec(1, 8)


class PenaltyPart:
    """A penalty with its default parameters, and the stand-in networks."""

    def __init__(self, entry: PenaltyEntry, rig: Rig) -> None:
        self.entry, self.rig = entry, rig
        self.key = entry.name.replace("-", "_")
        settings = [text for text in rig.settings if text.startswith("penalties.")]
        # At each step, so that a few steps are enough to see it.
        self.config = rig.config(f"{NAME}+{NAME}+{entry.name}", *settings, f"penalties.{self.key}.interval=1")

    def make(self) -> Penalty:
        """A new one."""
        penalty: Penalty = self.entry.load()(getattr(self.config.values.penalties, self.key))
        return penalty

    def inputs(self, count: int = 4, seed: int = 0) -> PenaltyInputs:
        """What the training step gives it, with networks of its own."""
        with global_seed(0):
            generator = StandInGenerator(IMAGE, None)
            discriminator = StandInDiscriminator(IMAGE, None, Needs(per_sample=True))
        generator.requires_grad_(self.entry.network == "generator")
        discriminator.requires_grad_(self.entry.network == "discriminator")
        rng = seeded(seed)
        latents = generator.sample_latents(count, rng)
        real = random_images(IMAGE, count)
        fake = generator(latents).detach()
        return PenaltyInputs(generator, discriminator, real, fake, latents, None, rng)

    def regularised(self, inputs: PenaltyInputs) -> nn.Module:
        """The network it is for."""
        return inputs.discriminator if self.entry.network == "discriminator" else inputs.generator

    def loop(self) -> Loop:
        """Trains the stand-ins with it."""
        return self.rig.loop(self.config, disc_images(IMAGE))


def interface(part: PenaltyPart) -> None:
    """The class follows its interface and is built from the entry's parameters."""
    cls = part.entry.load()
    expect(isinstance(cls, type) and issubclass(cls, Penalty), f"{part.entry.target} is no ganzoo.interfaces.Penalty")
    part.make()


def shapes(part: PenaltyPart) -> None:
    """One finite value for each sample, (N,), differentiable."""
    value = part.make()(part.inputs(4))
    expect(isinstance(value, Tensor), f"the penalty is a {type(value).__name__}, expected a tensor")
    expect(value.shape == (4,), f"the penalty has shape {tuple(value.shape)}, expected one value a sample, (4,)")
    expect(value.isfinite().all(), "the penalty is not finite")
    expect(value.requires_grad, "the penalty has no gradient; call torch.autograd.grad with create_graph=True")


def dtypes(part: PenaltyPart) -> None:
    """Float32, under bf16 autocast too."""
    for bf16 in (False, True):
        inputs = part.inputs()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            value = part.make()(inputs)
        where = " under bf16 autocast" if bf16 else ""
        expect(value.dtype == torch.float32, f"the penalty is {value.dtype}{where}, expected torch.float32")


def batch_of_one(part: PenaltyPart) -> None:
    """A batch of one has a finite penalty."""
    value = part.make()(part.inputs(1))
    expect(value.shape == (1,) and value.isfinite().all(), "the penalty of a batch of one is not one finite value")


def finite_gradients(part: PenaltyPart) -> None:
    """The gradient stays finite where all weights are 0, and with them the slope that most penalties look at."""
    inputs = part.inputs()
    network = part.regularised(inputs)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    part.make()(inputs).mean().backward()
    finite = all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    expect(finite, "the gradient is not finite where the network is flat; add a small number under a square root")


def double_backward(part: PenaltyPart) -> None:
    """The penalty's own gradient reaches the weights of the network it is for."""
    inputs = part.inputs()
    network = part.regularised(inputs)
    part.make()(inputs).mean().backward()
    found = [p.grad for p in network.parameters() if p.grad is not None]
    expect(all(value.isfinite().all() for value in found), "the penalty's gradient is not finite")
    total = sum(float(value.abs().sum()) for value in found)
    expect(total > 0, f"no gradient reaches the {part.entry.network}; something detaches on the way")


def inputs_left_alone(part: PenaltyPart) -> None:
    """Images, latents and weights are as they were, and the other network gets no gradient."""
    inputs = part.inputs()
    tensors = {"real": inputs.real, "fake": inputs.fake, "latents": inputs.latents}
    before = {name: value.clone() for name, value in tensors.items()}
    networks = (inputs.generator, inputs.discriminator)
    weights = [weights_of(network) for network in networks]
    part.make()(inputs).mean().backward()
    for name, value in tensors.items():
        expect(torch.equal(value.detach(), before[name]), f"the penalty writes into inputs.{name}; work on a copy")
    for network, old in zip(networks, weights, strict=True):
        expect(torch.equal(weights_of(network), old), f"the penalty changes the weights of {type(network).__name__}")
        other = network is not part.regularised(inputs)
        clean = all(p.grad is None for p in network.parameters())
        expect(not other or clean, f"the penalty gives a gradient to the network it is not for, not the "
               f"{part.entry.network}; say network=... in the entry")  # fmt: skip


def determinism(part: PenaltyPart) -> None:
    """The same inputs and rng give the same penalty."""
    values = []
    for _ in range(2):
        with global_seed(0):
            values.append(deepcopy(part.make()(part.inputs()).detach()))
    expect(torch.equal(*values), "the penalty of the same inputs and rng is another one each time")


def global_random_state(part: PenaltyPart) -> None:
    """Nothing draws from, or seeds, a global random state."""
    with global_state_watched("the penalty"):
        part.make()(part.inputs())


CHECKS = (
    interface,
    shapes,
    dtypes,
    batch_of_one,
    finite_gradients,
    double_backward,
    inputs_left_alone,
    determinism,
    global_random_state,
    capture_safe,
    trains,
)
