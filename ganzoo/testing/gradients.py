"""Checks of the gradients through an architecture, and of what its logits depend on."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch.nn.functional import softplus

from ganzoo.interfaces import Discriminator
from ganzoo.testing.networks import PER_SAMPLE, Architecture, generate, judge
from ganzoo.testing.outputs import check_bf16
from ganzoo.testing.probe import random_images
from ganzoo.testing.verdict import expect


def finite_gradients(part: Architecture) -> None:
    """Check that every trainable parameter gets a finite gradient."""
    generator, discriminator = part.pair()
    softplus(-judge(discriminator, generate(generator, 6))).mean().backward()
    for network, title in ((generator, "generator"), (discriminator, "discriminator")):
        total = 0.0
        for name, parameter in network.named_parameters():
            if not parameter.requires_grad:
                continue
            expect(parameter.grad is not None, f"the {title}'s {name} takes no part; remove it or freeze it")
            assert parameter.grad is not None
            expect(parameter.grad.isfinite().all(), f"the {title}'s {name} gets a gradient that is not finite")
            total += float(parameter.grad.abs().sum())
        expect(total > 0, f"no gradient reaches the {title}")


def double_backward(part: Architecture) -> None:
    """Check that a gradient penalty's gradient is finite and reaches the discriminator's weights."""
    discriminator = part.per_sample_discriminator()
    images = random_images(part.image, 3).requires_grad_(True)
    (gradient,) = torch.autograd.grad(judge(discriminator, images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    found = [parameter.grad for parameter in discriminator.parameters() if parameter.grad is not None]
    expect(all(value.isfinite().all() for value in found), "a gradient penalty's gradient is not finite")
    expect(
        sum(float(value.abs().sum()) for value in found) > 0,
        "a gradient penalty's gradient does not reach the discriminator's weights; something detaches on the way",
    )


def mixing(part: Architecture) -> None:
    """Check that a logit depends on the other images of its batch only if mixes_samples is True.

    A discriminator that is built with needs.per_sample must not mix samples at all.
    """
    default = part.pair()[1]
    expect(
        default.mixes_samples or not _mixes(part, default),
        "the discriminator's logits depend on the other images of the batch; set mixes_samples = True",
    )
    try:
        alone = part.pair(needs=PER_SAMPLE)[1]
    except ValueError:  # a correct refusal
        return
    expect(
        not alone.mixes_samples and not _mixes(part, alone),
        "the discriminator mixes the samples of a batch though it was built with needs.per_sample; raise ValueError",
    )


def _mixes(part: Architecture, discriminator: Discriminator) -> bool:
    images = random_images(part.image, 4)
    others = torch.cat([images[:1], 0.1 * random_images(part.image, 3, seed=1)])
    with torch.no_grad():
        batches = (images, others, images[:1])
        first, *rest = (judge(deepcopy(discriminator), batch).reshape(-1)[0] for batch in batches)
    return not all(torch.allclose(first, logit, rtol=1e-4, atol=1e-5) for logit in rest)


def bf16(part: Architecture) -> None:
    """Check that under bf16 autocast both networks run and get finite gradients, and that all outputs are finite."""
    generator, discriminator = part.pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = softplus(-judge(discriminator, generate(generator)).float()).mean()
    value.backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            finite = parameter.grad is None or parameter.grad.isfinite().all()
            expect(finite, f"{name} gets a gradient that is not finite under bf16 autocast")
    check_bf16(part, discriminator)
