"""Training in fp16 on the CPU: scaled losses, penalties in float32, skipped steps, checkpoints."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.loops import values
from support.steps import IMAGE, make_step, real, weights
from torch import nn

from ganzoo.config.resolve import resolve
from ganzoo.distributed.device import precision_of, wants_bf16, wants_fp16
from ganzoo.interfaces import Discriminator
from ganzoo.models.augmented import ScheduledPenalty
from ganzoo.training.cuda_graph import can_capture
from ganzoo.training.scaling import Scaler
from ganzoo_losses.penalties import R1

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def scalers() -> dict[str, Scaler]:
    return {side: Scaler(CPU) for side in ("generator", "discriminator")}


@pytest.mark.parametrize("recipe", ["dcgan+minimax", "mlp+wgan-gp", "dcgan+non-saturating+r1"])
def test_a_step_is_that_of_float32_but_for_rounding(registry, tiny, recipe):
    moved = []
    for given in ({}, {"scalers": scalers()}):
        step = make_step(registry, recipe, tiny(recipe.split("+")[0]), **given)[0]
        due = [ScheduledPenalty("r1", "discriminator", R1(None), 1.0, 1)] if "r1" in recipe else []
        before = [weights(step.discriminator), weights(step.generator)]
        step.update_discriminator(real(), None, due)
        step.update_generator(real(), None, ())
        moved.append([weights(n) - b for n, b in zip((step.discriminator, step.generator), before, strict=True)])
    for plain, scaled in zip(*moved, strict=True):
        assert plain.norm() > 0
        assert (plain - scaled).norm() < 0.05 * plain.norm()


class Faint(Discriminator):
    """A discriminator whose gradient with respect to a pixel is 1e-9, which fp16 rounds to zero."""

    def __init__(self) -> None:
        super().__init__()
        self.image = IMAGE
        self.weight = nn.Parameter(torch.full((1, 64), 1e-9))

    def forward(self, images, labels=None, *, rng=None):
        return nn.functional.linear(images.flatten(1), self.weight)[:, 0]


def test_a_penalty_and_its_gradient_keep_digits_that_fp16_has_not(registry, tiny):
    def faint(model):
        return replace(model, discriminator=Faint())

    step = make_step(registry, "mlp+minimax", tiny("mlp"), faint, scalers=scalers())[0]
    r1 = ScheduledPenalty("r1", "discriminator", R1(None), 1e9, 1)
    step.update_discriminator(real(), None, [r1])
    means, bad = step.statistics.read()
    assert bad == {}
    assert means["penalty_r1"] == pytest.approx(64 * 1e-18 / 2, rel=1e-3)
    pulled = []  # without and with the penalty, whose own gradient is d/dw of 1e9 |w|^2 / 2: 1e9 w, which is 1
    for due in ([], [r1]):
        step = make_step(registry, "mlp+minimax", tiny("mlp"), faint, scalers=scalers())[0]
        before = weights(step.discriminator)
        step.update_discriminator(real(), None, due)
        pulled.append(weights(step.discriminator) - before)
    torch.testing.assert_close(pulled[1] - pulled[0], torch.full((64,), -0.1), rtol=2e-2, atol=1e-3)


def test_a_step_that_overflows_is_skipped_counted_and_no_fault(registry, tiny):
    both = scalers()
    step = make_step(registry, "dcgan+minimax", tiny("dcgan"), scalers=both)[0]
    both["discriminator"]._scaler._scale.fill_(2.0**120)
    before = weights(step.discriminator)
    step.update_discriminator(real(), None, ())
    assert torch.equal(weights(step.discriminator), before)
    assert (int(both["discriminator"].skipped), int(both["generator"].skipped)) == (1, 0)
    assert both["discriminator"].state_dict()["scale"] == 2.0**119
    means, bad = step.statistics.read()
    assert bad == {} and means["gradient_discriminator"] == 0
    both["discriminator"]._scaler._scale.fill_(2.0**10)
    step.update_discriminator(real(), None, ())
    assert not torch.equal(weights(step.discriminator), before) and int(both["discriminator"].skipped) == 1


def test_a_gradient_that_no_scale_mends_is_a_fault(registry, tiny):
    both = scalers()
    step = make_step(registry, "mlp+minimax", tiny("mlp"), scalers=both)[0]
    for parameter in step.discriminator.parameters():
        parameter.register_hook(lambda gradient: gradient * float("nan"))
    for _ in range(17):
        step.update_discriminator(real(), None, ())
    assert "gradient_discriminator" in step.statistics.read()[1]


@pytest.mark.seconds
def test_a_run_resumes_bit_for_bit_with_its_scale(make_loop):
    settings = ["loop.precision=fp16"]
    whole = make_loop("dcgan+minimax", "whole", settings)
    whole.state.scalers["generator"]._scaler._scale.fill_(2.0**121)  # steps are skipped before and after the checkpoint
    values(whole, 4)
    expected = values(whole, 4)
    assert 4 < int(whole.state.scalers["generator"].skipped) <= 8
    first = make_loop("dcgan+minimax", "first", settings)
    first.state.scalers["generator"]._scaler._scale.fill_(2.0**121)
    values(first, 4)
    checkpoint = first.state.save(first.directory)
    second = make_loop("dcgan+minimax", "second", settings)
    second.restore(checkpoint)
    assert int(second.state.scalers["generator"].skipped) == 4
    found = values(second, 4)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert second.state.state_dict()["scaler_generator"] == whole.state.state_dict()["scaler_generator"]


@pytest.mark.seconds
def test_a_checkpoint_of_another_precision_begins_with_a_new_scale(make_loop):
    first = make_loop("mlp+minimax", "first", ["loop.precision=float32"])
    values(first, 1)
    second = make_loop("mlp+minimax", "second", ["loop.precision=fp16"])
    second.restore(first.state.save(first.directory))
    assert second.state.scalers["generator"].state_dict()["scale"] == 2.0**16
    third = make_loop("mlp+minimax", "third", ["loop.precision=float32"])
    third.restore(second.state.save(second.directory))
    assert third.state.scalers == {}


@pytest.mark.seconds
def test_the_log_counts_skipped_steps(make_loop):
    loop = make_loop("mlp+minimax", "run", ["loop.precision=fp16"])
    loop.state.scalers["generator"]._scaler._scale.fill_(2.0**121)
    loop.train()
    log = loop.directory.log_file.read_text()
    assert '"skipped_generator": ' in log and '"skipped_discriminator": 0' in log


@pytest.mark.parametrize(
    ("capability", "native", "found"),
    [((6, 1), False, (False, False)), ((7, 5), False, (False, True)), ((8, 0), True, (True, False))],
)
def test_auto_is_what_the_card_gains_from(registry, monkeypatch, capability, native, found):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    assert (wants_bf16("auto", CUDA), wants_fp16("auto", CUDA)) == found
    assert precision_of("auto", CUDA) == {(True, False): "bf16", (False, True): "fp16"}.get(found, "float32")
    assert precision_of("float32", CUDA) == "float32"
    assert wants_fp16("fp16", CUDA) and not wants_fp16("float32", CUDA) and not wants_fp16("bf16", CUDA)
    config = resolve(registry, "mlp+minimax", None, [])
    assert can_capture(config, CUDA) is not found[1]  # fp16 decides on the host whether a step is taken
