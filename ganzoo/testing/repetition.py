"""Checks that an architecture repeats its results: after saving and loading, and from the same seeds."""

from __future__ import annotations

from copy import deepcopy

import torch
from safetensors.torch import load, save

from ganzoo.entries import Needs
from ganzoo.entry import construct
from ganzoo.testing.networks import Architecture, generate, judge
from ganzoo.testing.probe import copied, global_seed, global_state_watched, random_images, weights_of
from ganzoo.testing.verdict import expect


def save_and_load(part: Architecture) -> None:
    """Check that other networks, loaded through safetensors, give the same images and logits."""
    networks, others = part.pair(seed=0), part.pair(seed=1)
    with torch.no_grad():
        generate(networks[0])  # changes running statistics, which must be saved too
        judge(networks[1], random_images(part.image, 4))
        for one, other in zip(networks, others, strict=True):
            other.load_state_dict(load(save(copied(one.state_dict()))))
        seen = random_images(part.image, 4)
        pairs = [(generate(g.eval()), judge(d.eval(), seen)) for g, d in (networks, others)]
    for name, before, after in zip(("generator", "discriminator"), *pairs, strict=True):
        expect(
            torch.equal(before, after),
            f"the {name} gives a different result after saving and loading; keep its whole state in parameters or "
            "buffers",
        )


def determinism(part: Architecture) -> None:
    """Check that the seed decides the weights, and that the same rng gives the same images and logits."""
    same = all(
        torch.equal(weights_of(one), weights_of(other))
        for one, other in zip(part.pair(seed=1), part.pair(seed=1), strict=True)
    )
    expect(same, "built twice with one seed, the networks have different weights; draw from torch's generator alone")
    changed = any(
        not torch.equal(weights_of(one), weights_of(other))
        for one, other in zip(part.pair(seed=1), part.pair(seed=2), strict=True)
    )
    expect(changed, "built with two seeds, the networks have the same weights; something sets its own seed")
    for training in (True, False):
        generator, discriminator = part.pair()
        generator.train(training)
        discriminator.train(training)
        seen = random_images(part.image, 4)
        outputs = []
        for _ in range(2):
            with global_seed(0), torch.no_grad():
                outputs.append((generate(deepcopy(generator)), judge(deepcopy(discriminator), seen)))
        for name, first, second in zip(("generator", "discriminator"), *outputs, strict=True):
            expect(torch.equal(first, second), f"the {name} gives different results with the same seed")
    with torch.no_grad():
        varied = not torch.equal(generate(generator, seed=3), generate(generator, seed=4))
    expect(varied, "the generator makes the same images from different latents")


def global_random_state(part: Architecture) -> None:
    """Check that building the networks uses only torch's global random state, and running them uses none."""
    with global_state_watched("building the networks", but="torch"):
        values = part.config.values
        construct(part.entry.generator, part.image, values.generator)
        construct(part.entry.discriminator, part.image, values.discriminator, Needs())
    generator, discriminator = part.pair()
    for training in (True, False):
        with global_state_watched("the generator"):
            images = generate(generator.train(training)).detach()
        with global_state_watched("the discriminator"):
            judge(discriminator.train(training), images)
