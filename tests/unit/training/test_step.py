from __future__ import annotations

import pytest
import torch
from support.steps import make_step, real, weights
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.interfaces import Penalty
from ganzoo.models.augmented import ScheduledPenalty

NINE = [f"{a}+{loss}" for a in ("mlp", "dcgan", "stylegan-lite") for loss in ("minimax", "non-saturating", "wgan-gp")]
OTHERS = [
    "sngan+hinge",
    "sngan+lsgan+diffaug",
    "dcgan+minimax+r1+ada",
    "dcgan+relativistic+r1+r2",
    "mlp+wgan",
    "mlp+hinge+dragan",
]


@pytest.mark.parametrize("recipe", [*NINE, *OTHERS])
def test_each_update_changes_its_own_network_alone(registry, tiny, recipe):
    step, model = make_step(registry, recipe, tiny(recipe.split("+")[0]))
    for update, changed, other in (
        (step.update_discriminator, model.discriminator, model.generator),
        (step.update_generator, model.generator, model.discriminator),
    ):
        before, kept = weights(changed), weights(other)
        update(real(), None, model.penalties if changed is model.discriminator else ())
        assert not torch.equal(before, weights(changed))
        assert torch.equal(kept, weights(other))


@pytest.mark.parametrize("recipe", [*NINE, *OTHERS])
def test_no_global_random_state_and_no_host_read_in_the_step(registry, tiny, recipe):
    step, model = make_step(registry, recipe, tiny(recipe.split("+")[0]))
    step.update_discriminator(real(), None, model.penalties)  # creates buffers that are made only once
    step.update_generator(real(), None, ())
    state = torch.get_rng_state()

    class NoHostRead(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            assert function is not torch.ops.aten._local_scalar_dense.default, "a value was read back to the host"
            return function(*args, **(kwargs or {}))

    with NoHostRead():
        step.update_discriminator(real(), None, model.penalties)
        step.update_generator(real(), None, ())
        step.update_both(real(), None, model.penalties, ())
    assert torch.equal(torch.get_rng_state(), state)


def test_the_same_seed_gives_the_same_weights(registry):
    def trained():
        step, model = make_step(registry, "stylegan-lite+wgan-gp", ["generator.width=8", "discriminator.width=8"])
        for _ in range(3):
            step.update_discriminator(real(), None, model.penalties)
            step.update_generator(real(), None, ())
        return weights(model.generator)

    assert torch.equal(trained(), trained())


class Half(Penalty):
    """A penalty of half the sum of the discriminator's parameters, whose gradient is 0.5 everywhere."""

    def __call__(self, inputs):
        return 0.5 * sum(p.sum() for p in inputs.discriminator.parameters()) * torch.ones(len(inputs.real))


def test_a_lazy_penalty_has_its_weight_times_its_interval():
    scheduled = ScheduledPenalty("half", "discriminator", Half(None), weight=2.0, interval=4)
    assert scheduled.weight.item() == 8.0
    assert [scheduled.due(step) for step in range(5)] == [True, False, False, False, True]


def test_a_penalty_adds_its_weighted_mean(registry):
    settings = ["discriminator.width=4", "generator.width=4"]
    plain, model = make_step(registry, "mlp+minimax", settings)
    plain.update_discriminator(real(), None, ())
    without = weights(model.discriminator)
    step, model = make_step(registry, "mlp+minimax", settings)
    step.update_discriminator(real(), None, [ScheduledPenalty("half", "discriminator", Half(None), 2.0, 1)])
    # the penalty's gradient is 0.5 everywhere, its weight is 2, and the learning rate is 0.1
    assert torch.allclose(without - weights(model.discriminator), torch.full_like(without, 0.1), atol=1e-6)


def test_clipping_bounds_the_step(registry):
    step, model = make_step(registry, "mlp+wgan-gp", clip_grad=1e-3)
    before = weights(model.discriminator)
    step.update_discriminator(real(), None, model.penalties)
    assert (weights(model.discriminator) - before).norm() == pytest.approx(0.1 * 1e-3, rel=1e-2)


def test_bf16_stays_near_float32(registry):
    values = {}
    for bf16 in (False, True):
        step, model = make_step(registry, "dcgan+wgan-gp", ["generator.width=8", "discriminator.width=8"], bf16=bf16)
        step.update_discriminator(real(), None, model.penalties)
        values[bf16] = step.statistics.read()[0]["penalty_gp"]
    assert values[True] == pytest.approx(values[False], rel=0.05)
