"""What a discriminator with heads in addition to the logit must do."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from ganzoo.drawing import seeded
from ganzoo.entries import Needs
from ganzoo.interfaces import Discriminator, DiscriminatorOutputs
from ganzoo.testing.networks import Architecture
from ganzoo.testing.probe import labels_for, random_images
from ganzoo.testing.stand_in_parts import CLASSES
from ganzoo.testing.verdict import Skipped, expect

COUNT = 4
USUAL = (CLASSES, "embedding", "proxies")  # the heads that the zoo's losses and penalties ask for
UNKNOWN = "no-such-output"


def outputs(part: Architecture) -> None:
    """Check that `outputs` gives the logits of `forward` and the heads of needs.outputs.

    A constructor may refuse the needs with ValueError. Raises Skipped if the discriminator does not override `outputs`.
    """
    plain = part.pair()[1]
    if type(plain).outputs is Discriminator.outputs:
        raise Skipped("its discriminator has no output except the logit")
    offered = _said(part, plain)
    names = dict.fromkeys((*USUAL, *_names(offered), UNKNOWN))
    for needs in (Needs(), *(Needs(outputs=(name,)) for name in names)):
        try:
            discriminator = part.pair(needs=needs)[1]
        except ValueError:  # a correct refusal
            continue
        said = _said(part, discriminator)
        missing = said.lacks(needs.outputs)
        expect(
            not missing,
            f"the discriminator was built with needs.outputs={needs.outputs!r}, but outputs() has no "
            f"{' and '.join(missing)}; give it, or raise ValueError in the constructor",
        )
        _check(part, discriminator, said)


def _check(part: Architecture, discriminator: Discriminator, said: DiscriminatorOutputs) -> None:
    images, given = random_images(part.image, COUNT), labels_for(part.image, COUNT)
    with torch.no_grad():
        logits = deepcopy(discriminator)(images, given, rng=seeded())
    expect(
        said.logits.shape == logits.shape and torch.equal(said.logits.detach(), logits),
        "the logits of outputs() differ from those of forward() with the same rng",
    )
    tensors = dict(said.features)
    if said.classes is not None:
        tensors[CLASSES] = said.classes
        expected = (COUNT, part.image.classes)
        found = tuple(said.classes.shape)
        expect(found == expected, f"the class logits have shape {found}, expected {expected}")
    for name, value in tensors.items():
        found = tuple(value.shape)
        expect(found[:1] == (COUNT,), f"the output {name} has shape {found}, expected a row for each image, (4, ...)")
        expect(value.requires_grad, f"the output {name} has no gradient; something detaches on the way")


def check_bf16(part: Architecture, discriminator: Discriminator) -> None:
    """Raise Failure if an output under bf16 autocast is not finite after the step's conversion to float32."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        said = _said(part, discriminator).map(Tensor.float)
    for name, value in {"logits": said.logits, CLASSES: said.classes, **said.features}.items():
        expect(value is None or value.isfinite().all(), f"the output {name} is not finite under bf16 autocast")


def _said(part: Architecture, discriminator: Discriminator) -> DiscriminatorOutputs:
    """Return the outputs for random images, from a copy of the network."""
    images = random_images(part.image, COUNT)
    return deepcopy(discriminator).outputs(images, labels_for(part.image, COUNT), rng=seeded())


def _names(said: DiscriminatorOutputs) -> list[str]:
    return [*said.features, *([CLASSES] if said.classes is not None else [])]
