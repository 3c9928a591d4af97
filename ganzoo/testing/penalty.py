"""What every penalty must do."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from ganzoo.interfaces import Penalty
from ganzoo.testing.loss_inputs import Watched
from ganzoo.testing.modes import Modes
from ganzoo.testing.penalty_inputs import PenaltyPart, regularised, tensors_in
from ganzoo.testing.placing import one_device
from ganzoo.testing.probe import global_seed, global_state_watched, weights_of
from ganzoo.testing.resuming import resumes
from ganzoo.testing.sharing import devices
from ganzoo.testing.stand_in_parts import LABELS_MISSING
from ganzoo.testing.training import capture_safe, trains
from ganzoo.testing.verdict import Failure, Skipped, expect


def interface(part: PenaltyPart) -> None:
    """Check that the class follows its interface and is built from the entry's parameters."""
    cls = part.entry.load()
    expect(
        isinstance(cls, type) and issubclass(cls, Penalty), f"{part.entry.target} is not a ganzoo.interfaces.Penalty"
    )
    expect(not list(part.make().parameters()), "it has parameters, which no optimizer trains; a network must hold them")


def shapes(part: PenaltyPart) -> None:
    """Check that the penalty is finite and differentiable, with a row for each sample: (N,) or (N, ...)."""
    for side in part.sides:
        value = part.make()(part.inputs(side, 4))
        expect(isinstance(value, Tensor), f"the penalty is a {type(value).__name__}, expected a tensor")
        expect(
            value.shape[:1] == (4,),
            f"the penalty has shape {tuple(value.shape)}, expected one value a sample, (4,) or (4, ...)",
        )
        expect(value.isfinite().all(), "the penalty is not finite")
        expect(value.requires_grad, "the penalty has no gradient; call torch.autograd.grad with create_graph=True")
        again, weighted = (part.make(**other)(part.inputs(side, 4)) for other in ({}, {"weight": 2 * part.weight + 1}))
        repeats = torch.equal(value, again)  # otherwise `determinism` reports it
        expect(not repeats or torch.equal(value, weighted), "it multiplies by its weight, which the training step does")


def inputs_left_alone(part: PenaltyPart) -> None:
    """Check that the penalty changes no input and no weight, and gives the other network no gradient."""
    for side in part.sides:
        inputs = part.inputs(side, labelled=True)
        watched, networks = Watched(tensors_in(inputs)), (inputs.generator, inputs.discriminator)
        weights = [weights_of(network) for network in networks]
        value = part.make()(inputs).mean()
        written = watched.written()
        expect(not written, f"the penalty writes into {' and '.join(written)}; work on a copy")
        value.backward()
        for network, old in zip(networks, weights, strict=True):
            expect(
                torch.equal(weights_of(network), old), f"the penalty changes the weights of {type(network).__name__}"
            )
            other = network is not regularised(inputs)
            clean = all(p.grad is None for p in network.parameters())
            expect(not other or clean, "the penalty also gives a gradient to the network that is not the "
                   f"{side}; set network in the entry")  # fmt: skip


def networks_left_alone(part: PenaltyPart) -> None:
    """Check that both networks stay in training mode and that their requires_grad is unchanged."""
    for side in part.sides:
        inputs = part.inputs(side)
        modes = {name: Modes(getattr(inputs, name)) for name in ("discriminator", "generator")}
        part.make()(inputs)
        for name, mode in modes.items():
            changed = mode.changed()
            expect(not changed, f"the penalty leaves the {name} {changed}; put it back")


def dtypes(part: PenaltyPart) -> None:
    """Check that the penalty is float32, under bf16 autocast too."""
    for side in part.sides:
        for bf16 in (False, True):
            inputs = part.inputs(side, bf16=bf16)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                value = part.make()(inputs)
            where = " under bf16 autocast" if bf16 else ""
            expect(value.dtype == torch.float32, f"the penalty is {value.dtype}{where}, expected torch.float32")


def batch_of_one(part: PenaltyPart) -> None:
    """Check that a batch of one has a finite penalty."""
    for side in part.sides:
        value = part.make()(part.inputs(side, 1))
        finite = value.shape[:1] == (1,) and bool(value.isfinite().all())
        expect(finite, "the penalty of a batch of one is not one finite value")


def progress(part: PenaltyPart) -> None:
    """Check that the penalty is finite at the beginning, in the middle and at the end of a run."""
    for side in part.sides:
        for share in (0.0, 0.5, 1.0):
            value = part.make()(part.inputs(side, progress=share))
            expect(value.isfinite().all(), f"the penalty is not finite at progress {share:g}")


def labels(part: PenaltyPart) -> None:
    """Check that the penalty works with networks that require labels."""
    for side in part.sides:
        inputs = part.inputs(side, conditional=True)
        try:
            part.make()(inputs)
        except ValueError as error:
            if LABELS_MISSING in str(error):
                raise Failure(
                    "the penalty runs a network without the labels, which conditional networks need; pass inputs.labels"
                ) from error
            raise


def patches(part: PenaltyPart) -> None:
    """Check that logits (N, 4, 4) give finite values (N, ...). Raises Skipped if the entry does not set patches."""
    if not part.entry.patches:
        raise Skipped("its entry does not set patches=True, so it takes one logit for each image")
    for side in part.sides:
        inputs = part.inputs(side, patches=True)
        try:
            value = part.make()(inputs)
        except Exception as error:
            raise Failure(
                f"the penalty fails with logits (4, 4, 4) ({type(error).__name__}); set patches=False in the entry"
            ) from error
        expect(value.shape[:1] == (4,), f"the penalty of logits (4, 4, 4) has shape {tuple(value.shape)}")
        expect(value.isfinite().all(), "the penalty of logits (4, 4, 4) is not finite")


def finite_gradients(part: PenaltyPart) -> None:
    """Check that the gradient is finite if all weights, and so the slope that most penalties read, are 0."""
    for side in part.sides:
        inputs = part.inputs(side, flat=True)
        part.make()(inputs).mean().backward()
        finite = all(p.grad is None or p.grad.isfinite().all() for p in regularised(inputs).parameters())
        expect(finite, "the gradient is not finite where the network is flat; add a small number under a square root")


def double_backward(part: PenaltyPart) -> None:
    """Check that the penalty's gradient is finite and reaches the weights of the network it is for."""
    for side in part.sides:
        inputs = part.inputs(side)
        part.make()(inputs).mean().backward()
        found = [p.grad for p in regularised(inputs).parameters() if p.grad is not None]
        expect(all(value.isfinite().all() for value in found), "the penalty's gradient is not finite")
        total = sum(float(value.abs().sum()) for value in found)
        expect(total > 0, f"no gradient reaches the {side}; something detaches on the way")


def determinism(part: PenaltyPart) -> None:
    """Check that the same inputs and rng give the same penalty."""
    for side in part.sides:
        values = []
        for _ in range(2):
            with global_seed(0):
                values.append(deepcopy(part.make()(part.inputs(side)).detach()))
        expect(torch.equal(*values), "the penalty of the same inputs and rng differs each time")


def global_random_state(part: PenaltyPart) -> None:
    """Check that the penalty does not draw from, or seed, a global random state."""
    for side in part.sides:
        penalty, inputs = part.make(), part.inputs(side)
        with global_state_watched("the penalty"):
            penalty(inputs)


CHECKS = (
    interface,
    shapes,
    inputs_left_alone,
    networks_left_alone,
    dtypes,
    batch_of_one,
    progress,
    labels,
    patches,
    finite_gradients,
    double_backward,
    determinism,
    global_random_state,
    resumes,
    devices,
    one_device,
    capture_safe,
    trains,
)
