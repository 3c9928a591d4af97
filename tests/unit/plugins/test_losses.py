"""The losses, compared with values computed by hand and with binary cross-entropy."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ganzoo.entries import LossEntry
from ganzoo.interfaces import Loss
from ganzoo.plugin.registry import Registry

NAMES = sorted(Registry.load().entries[LossEntry.kind])
REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0, 1.0])


def entry_of(name: str) -> LossEntry:
    return Registry.load().get(LossEntry, name)


def make(name: str) -> Loss:
    entry = entry_of(name)
    return entry.load()(entry.params())


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_original_discriminator_by_hand(name: str) -> None:
    real = -(math.log(sigmoid(2)) + math.log(sigmoid(-1))) / 2
    fake = -(math.log(1 - sigmoid(0.5)) + math.log(1 - sigmoid(-3)) + math.log(1 - sigmoid(1))) / 3
    assert make(name).discriminator(d_real=REAL, d_fake=FAKE).item() == pytest.approx(real + fake, rel=1e-6)


def test_minimax_generator_by_hand() -> None:
    expected = (math.log(1 - sigmoid(0.5)) + math.log(1 - sigmoid(-3)) + math.log(1 - sigmoid(1))) / 3
    assert make("minimax").generator(d_real=None, d_fake=FAKE).item() == pytest.approx(expected, rel=1e-6)


def test_non_saturating_generator_is_cross_entropy_with_label_real() -> None:
    expected = binary_cross_entropy_with_logits(FAKE, torch.ones(3))
    assert make("non-saturating").generator(d_real=None, d_fake=FAKE).item() == pytest.approx(expected.item(), rel=1e-6)


def test_wasserstein_by_hand() -> None:
    loss = make("wgan-gp")
    assert loss.discriminator(d_real=REAL, d_fake=FAKE).item() == pytest.approx(-0.5 - 0.5)
    assert loss.generator(d_real=None, d_fake=FAKE).item() == pytest.approx(0.5)


def test_wgan_is_the_same_game_with_clipped_weights() -> None:
    loss, critic = make("wgan"), torch.nn.Linear(3, 2)
    assert loss.discriminator(d_real=REAL, d_fake=FAKE).item() == pytest.approx(-0.5 - 0.5)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[-3.0, 0.004, 0.5], [0.01, -0.02, 0.0]]))
        critic.bias.copy_(torch.tensor([1.0, -0.001]))
        loss.constrain(critic)  # type: ignore[arg-type]
    assert torch.equal(critic.weight, torch.tensor([[-0.01, 0.004, 0.01], [0.01, -0.01, 0.0]]))
    assert torch.equal(critic.bias, torch.tensor([0.01, -0.001]))


def test_lsgan_by_hand() -> None:
    loss = make("lsgan")
    real, fake = (1 + 4) / 2, (1.5**2 + 2**2 + 2**2) / 3
    assert loss.discriminator(d_real=REAL, d_fake=FAKE).item() == pytest.approx((real + fake) / 2)
    assert loss.generator(d_real=None, d_fake=FAKE).item() == pytest.approx((0.25 + 9 + 1) / 3 / 2)


def test_hinge_by_hand() -> None:
    loss = make("hinge")
    assert loss.discriminator(d_real=REAL, d_fake=FAKE).item() == pytest.approx((0 + 2) / 2 + (1.5 + 0 + 2) / 3)
    assert loss.generator(d_real=None, d_fake=FAKE).item() == pytest.approx(0.5)


def test_relativistic_is_the_logistic_loss_of_each_pair() -> None:
    loss, fake = make("relativistic"), FAKE[:2]
    expected = -(math.log(sigmoid(2 - 0.5)) + math.log(sigmoid(-1 + 3))) / 2
    assert loss.discriminator(d_real=REAL, d_fake=fake).item() == pytest.approx(expected, rel=1e-6)
    expected = -(math.log(sigmoid(0.5 - 2)) + math.log(sigmoid(-3 + 1))) / 2
    assert loss.generator(d_real=REAL, d_fake=fake).item() == pytest.approx(expected, rel=1e-6)


def test_minimax_saturates_and_non_saturating_does_not() -> None:
    """If the discriminator is sure of a fake, minimax has almost no gradient, and non-saturating has one of size 1."""
    gradients = {}
    for name in ("minimax", "non-saturating"):
        d_fake = torch.tensor([-20.0], requires_grad=True)
        make(name).generator(d_real=None, d_fake=d_fake).backward()
        assert d_fake.grad is not None
        gradients[name] = d_fake.grad.item()
    assert gradients["minimax"] == pytest.approx(-sigmoid(-20), rel=1e-5)
    assert gradients["non-saturating"] == pytest.approx(-1.0, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_finite_at_extreme_logits(name: str) -> None:
    """A sigmoid followed by a logarithm would give infinities here."""
    real = torch.tensor([1e4, -1e4], requires_grad=True)
    fake = torch.tensor([-1e4, 1e4], requires_grad=True)
    loss = make(name)
    total = loss.discriminator(d_real=real, d_fake=fake) + loss.generator(d_real=real, d_fake=fake)
    total.backward()
    assert total.isfinite()
    assert real.grad is not None and fake.grad is not None
    assert real.grad.isfinite().all() and fake.grad.isfinite().all()
    assert real.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_higher_means_more_real(name: str) -> None:
    """The discriminator gains by raising real and lowering fake logits, the generator by raising fake ones."""
    loss, step = make(name), 0.1
    real, fake = torch.tensor([0.6, -1.0]), torch.tensor([-0.3, -0.9])  # inside the margins of every loss
    before = loss.discriminator(d_real=real, d_fake=fake)
    assert loss.discriminator(d_real=real + step, d_fake=fake) < before
    assert loss.discriminator(d_real=real, d_fake=fake - step / 2) < before
    assert loss.generator(d_real=real, d_fake=fake + step) < loss.generator(d_real=real, d_fake=fake)


@pytest.mark.parametrize("name", [name for name in NAMES if entry_of(name).patches])
def test_the_logits_of_patches_count_alike(name: str) -> None:
    """The loss of logits (N, H, W) equals the loss of the flattened logits."""
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 3, 2, 5, generator=rng)
    loss, single = make(name), {"d_real": real.flatten(), "d_fake": fake.flatten()}
    value = loss.discriminator(d_real=real, d_fake=fake), loss.generator(d_real=real, d_fake=fake)
    torch.testing.assert_close(value, (loss.discriminator(**single), loss.generator(**single)))
    assert all(side.shape == () for side in value)


def test_metadata() -> None:
    assert {name for name in NAMES if entry_of(name).owner.distribution == "ganzoo" and not entry_of(name).patches} == {
        "top-k"
    }

    for name in ("minimax", "non-saturating"):
        entry = entry_of(name)
        assert entry.probability and entry.zero_is_border and entry.penalties == () and not entry.needs.per_sample
    for name in ("lsgan", "hinge"):
        assert entry_of(name).zero_is_border and not entry_of(name).probability
    assert entry_of("relativistic").generator_needs_real and not entry_of("relativistic").zero_is_border
    with pytest.raises(ValueError, match="clip is 0"):
        entry_of("wgan").params(clip=0)
    critic = entry_of("wgan-gp")
    assert critic.penalties == ("gp",) and critic.discriminator_steps == 5 and critic.needs.per_sample
    assert not critic.zero_is_border and not critic.probability
