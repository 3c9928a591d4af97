"""The loss top-k, compared with sorting in a loop."""

from __future__ import annotations

import math

import pytest
import torch
from support.rules import loss, networks, reaches
from torch import Tensor

from ganzoo.testing.tape import Tape
from ganzoo_losses.top_k import GAMES, TopK

EACH = {
    "hinge": lambda d: -d,
    "non-saturating": lambda d: math.log(1 + math.exp(-d)),
    "minimax": lambda d: -math.log(1 + math.exp(d)),
    "lsgan": lambda d: d**2 / 2,
}


def logits(seed: int, count: int = 10) -> Tensor:
    return 2 * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def value(top_k: TopK, d_fake: Tensor, progress: float) -> Tensor:
    return top_k.generator(d_real=None, d_fake=d_fake, progress=torch.tensor(progress))


@pytest.mark.parametrize("base", GAMES)
@pytest.mark.parametrize(("nu", "progress"), [(0.5, 0.0), (0.5, 0.3), (0.5, 1.0), (0.1, 0.6), (0.01, 1.0), (1.0, 0.7)])
def test_the_mean_over_the_k_highest(base, nu, progress):
    d_fake = logits(1)
    k = math.ceil(10 * nu**progress - 1e-6)
    chosen = sorted(d_fake.tolist(), reverse=True)[:k]
    expected = sum(map(EACH[base], chosen)) / k
    assert value(loss("top-k", base=base, nu=nu), d_fake, progress).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("base", GAMES)
def test_the_game_is_its_bases(base):
    top_k, game = loss("top-k", base=base), loss(base)
    real, fake = logits(2), logits(3)
    assert torch.equal(top_k.discriminator(d_real=real, d_fake=fake), game.discriminator(d_real=real, d_fake=fake))
    expected = game.generator(d_real=None, d_fake=fake)
    assert torch.equal(top_k.generator(d_real=None, d_fake=fake), expected)
    torch.testing.assert_close(value(top_k, fake, 0.0), expected)


def test_only_the_chosen_fakes_have_a_gradient():
    d_fake = torch.tensor([0.1, 3.0, -2.0, 1.0], requires_grad=True)
    value(loss("top-k"), d_fake, 1.0).backward()
    assert d_fake.grad is not None and d_fake.grad.tolist() == [0.0, -0.5, 0.0, -0.5]


def test_equal_logits_are_chosen_together():
    d_fake = torch.tensor([1.0, 0.0, 1.0, 1.0], requires_grad=True)
    value(loss("top-k"), d_fake, 1.0).backward()
    assert d_fake.grad is not None
    torch.testing.assert_close(d_fake.grad, torch.tensor([-1 / 3, 0.0, -1 / 3, -1 / 3]))


def test_a_logit_that_is_no_number_shows():
    assert value(loss("top-k"), torch.tensor([1.0, torch.nan, 2.0, 0.0]), 1.0).isnan()


def test_a_replayed_step_follows_the_progress():
    top_k, d_fake, progress, found = loss("top-k"), logits(4), torch.tensor(0.0), torch.zeros(())
    replay = Tape([])(lambda: found.copy_(top_k.generator(d_real=None, d_fake=d_fake, progress=progress)))
    seen = []
    for share in (0.0, 0.5, 1.0):
        progress.fill_(share)
        replay()
        assert torch.equal(found, value(top_k, d_fake, share))
        seen.append(found.item())
    assert seen[0] > seen[1] > seen[2]  # hinge is minus the mean of the chosen logits: fewer and higher ones


def test_the_generator_learns():
    generator, discriminator = networks()
    discriminator.requires_grad_(False)
    d_fake = discriminator(generator(torch.randn(8, 5)), torch.zeros(8, dtype=torch.int64))
    assert reaches(value(loss("top-k"), d_fake, 1.0), generator)
    assert not any(parameter.grad is not None for parameter in discriminator.parameters())


def test_bounds():
    with pytest.raises(ValueError, match="base is 'wgan'"):
        loss("top-k", base="wgan")
    for nu in (0, 1.5):
        with pytest.raises(ValueError, match=f"nu is {nu}"):
            loss("top-k", nu=nu)
