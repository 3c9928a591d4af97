"""Consistency regularisation, compared with images that are padded, cropped and flipped one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.rules import Heads, inputs, networks, penalty, reaches
from torch import Tensor, nn

from ganzoo.entries import PenaltyEntry
from ganzoo.plugin.registry import Registry
from ganzoo_losses.consistency import flip_and_shift

SHIFT = 2


def augmented(images: Tensor, draws: Tensor, shift: int = SHIFT) -> Tensor:
    """Flip each image if its first draw is at least 0.5, pad it with its reflection, and crop it at its shift."""
    made = []
    for image, (flip, down, right) in zip(images.numpy(), draws.tolist(), strict=True):
        turned = image[:, :, ::-1] if flip >= 0.5 else image
        padded = np.pad(turned, ((0, 0), (shift, shift), (shift, shift)), mode="reflect")
        top, left = (2 * shift - int(draw * (2 * shift + 1)) for draw in (down, right))
        made.append(padded[:, top : top + image.shape[1], left : left + image.shape[2]])
    return torch.from_numpy(np.stack(made))


def draws_of(rng: torch.Generator, count: int) -> Tensor:
    return torch.rand(count, 3, generator=rng)


def test_flip_and_shift():
    rng = torch.Generator().manual_seed(0)
    images, draws = torch.rand(40, 2, 5, 7, generator=rng), draws_of(rng, 40)
    moved = flip_and_shift(images, draws, SHIFT)
    expected = augmented(images, draws)
    assert torch.equal(moved, expected)
    assert len({tuple((draws[i] * 5).long().tolist()[1:]) for i in range(40)}) > 15  # many different shifts


def test_flip_and_shift_further_than_the_image_is_wide():
    """If the shift is larger than the image, the result consists only of the image's own pixels."""
    images = torch.rand(20, 1, 3, 1, generator=torch.Generator().manual_seed(0))
    moved = flip_and_shift(images, draws_of(torch.Generator().manual_seed(1), 20), 4)
    for image, other in zip(images, moved, strict=True):
        assert set(other.flatten().tolist()) <= set(image.flatten().tolist())


@pytest.mark.parametrize("patches", [False, True])
def test_the_squared_difference_of_the_logits(patches):
    generator, discriminator = networks(patches=patches)
    given = inputs(generator, discriminator, "discriminator", seed=3)
    rng = torch.Generator().manual_seed(103)
    expected = {}
    for side, images in (("real", given.real), ("fake", given.fake)):
        moved = discriminator(augmented(images, draws_of(rng, 12)), given.labels)
        difference = (discriminator(images, given.labels) - moved).square()
        expected[side] = difference.mean(1) if patches else difference
    value = penalty("cr", shift=SHIFT)(given)
    assert value.min() >= 0 and value.max() > 1e-4
    torch.testing.assert_close(value, expected["real"])
    given.rng.manual_seed(103)
    value = penalty("bcr", shift=SHIFT)(given)
    torch.testing.assert_close(value, expected["real"] + expected["fake"])


def test_without_rng_images_are_flipped():
    generator, discriminator = networks()
    given = replace(inputs(generator, discriminator, "discriminator"), rng=None)
    flipped = discriminator(given.real.flip(3), given.labels)
    expected = (given.real_outputs.logits - flipped).square()
    torch.testing.assert_close(penalty("cr")(given), expected)


class Mean(Heads):
    """A discriminator that sees only the mean of each channel, which a flip does not change."""

    def outputs(self, images, labels=None, *, rng=None):
        return super().outputs(images.mean((2, 3), keepdim=True).expand_as(images), labels)


@pytest.mark.parametrize("name", ["cr", "bcr"])
def test_a_discriminator_that_ignores_the_augmentation_pays_nothing(name):
    given = inputs(networks()[0], Mean(), "discriminator")
    value = penalty(name, shift=0)(given)
    torch.testing.assert_close(value, torch.zeros(12), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ["cr", "bcr"])
def test_only_the_discriminator_learns(name):
    generator, discriminator = networks()
    value = penalty(name)(inputs(generator, discriminator, "discriminator"))
    assert {"body.1.weight", "logit.weight"} <= reaches(value, discriminator)
    assert not any(parameter.grad is not None for parameter in generator.parameters())


def test_both_judgements_have_a_gradient():
    """For a linear discriminator w.x, the penalty is (w.(x - T x))^2, so its gradient is 2 w.(x - T x) (x - T x)."""
    generator, discriminator = networks()
    discriminator.body = nn.Flatten()  # type: ignore[assignment]
    discriminator.logit, discriminator.classes = nn.Linear(32, 1), nn.Linear(32, 3)
    discriminator.embedding = nn.Linear(32, 4)
    given = inputs(generator, discriminator, "discriminator", seed=5)
    change = (given.real - augmented(given.real, draws_of(torch.Generator().manual_seed(105), 12))).flatten(1)
    penalty("cr", shift=SHIFT)(given).sum().backward()
    expected = (2 * (change @ discriminator.logit.weight[0]).detach()[:, None] * change).sum(0)
    torch.testing.assert_close(discriminator.logit.weight.grad[0], expected, rtol=1e-4, atol=1e-5)


def test_metadata_and_bounds():
    for name in ("cr", "bcr"):
        entry = Registry.load().get(PenaltyEntry, name)
        assert entry.network == "discriminator" and entry.params().weight == 10 and not penalty(name).state_dict()
        with pytest.raises(ValueError, match="shift is -1"):
            entry.params(shift=-1)
