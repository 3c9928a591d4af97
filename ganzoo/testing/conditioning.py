"""Checks that an architecture reads the labels only if it is conditional, and does not write into its inputs."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from ganzoo.drawing import seeded
from ganzoo.testing.loss_inputs import Watched
from ganzoo.testing.networks import Architecture
from ganzoo.testing.probe import labels_for, random_images
from ganzoo.testing.verdict import expect

NOISE = 0.3  # added to all weights, since a new network's weights may give all classes the same result


def inputs_left_alone(part: Architecture) -> None:
    """Check that the networks do not change latents, images and labels."""
    for training in (True, False):
        generator, discriminator = part.pair()
        latents, images = generator.sample_latents(4, seeded()), random_images(part.image, 4)
        for network, name, inputs, what in (
            (generator, "generator", latents, "latents"),
            (discriminator, "discriminator", images, "images"),
        ):
            given = labels_for(part.image, 4)
            assert given is not None
            watched = Watched({f"its {what}": inputs, "the labels": given})
            network.train(training)(inputs, given, rng=seeded())
            written = watched.written()
            expect(not written, f"the {name} writes into {' and '.join(written)}; work on a copy")


def labels(part: Architecture) -> None:
    """Check that labels change the result of a conditional network, and no other network's result.

    A network that is not conditional must give the same result without labels too.
    """
    generator, discriminator = part.pair()
    latents, images = generator.sample_latents(4, seeded()), random_images(part.image, 4)
    for network, name, inputs, made in (
        (generator, "generator", latents, "images"),
        (discriminator, "discriminator", images, "logits"),
    ):
        network.eval()
        if network.conditional:
            found = _answers(_moved(network), inputs, [0, 1, 2])
            expect(
                any(not torch.equal(found[0], other) for other in found[1:]),
                f"the {name} says conditional = {network.conditional!r}, but gives the same {made} for all labels; use "
                "the labels, or set conditional = False",
            )
        else:
            found = _answers(network, inputs, [0, 1, None])
            expect(
                all(torch.equal(found[0], other) for other in found[1:]),
                f"the {name} reads the labels, but its `conditional` is False",
            )


def _answers(network: nn.Module, inputs: Tensor, labels: list[int | None]) -> list[Tensor]:
    """Return the network's result for each of ``labels``, given to all inputs; None means without labels."""
    every = [None if label is None else torch.full((len(inputs),), label) for label in labels]
    with torch.no_grad():
        return [network(inputs, given, rng=seeded()) for given in every]


def _moved(network: nn.Module) -> nn.Module:
    """Return a copy with noise added to its weights."""
    copy, rng = deepcopy(network), seeded()
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter.add_(NOISE * torch.randn(parameter.shape, generator=rng))
    return copy
