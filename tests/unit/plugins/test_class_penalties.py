"""The penalties on a class head and on an embedding, compared with loops in NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.rules import CLASSES, inputs, networks, penalty, reaches
from torch import Tensor

from ganzoo.entries import PenaltyEntry
from ganzoo.interfaces import DiscriminatorOutputs, PenaltyInputs
from ganzoo.plugin.registry import Registry

SIDES = ("discriminator", "generator")


def cross_entropy(logits: Tensor, labels: Tensor) -> list[float]:
    rows = logits.detach().double().numpy()
    return [float(np.log(np.exp(row).sum()) - row[label]) for row, label in zip(rows, labels.tolist(), strict=True)]


def d2d(embedding: Tensor, proxies: Tensor, labels: Tensor, tau: float, m_p: float, m_n: float) -> list[float]:
    """Compute the formula of Kang et al. 2021, sample by sample."""
    f, v = (part.detach().double().numpy() for part in (embedding, proxies))
    f, v = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (f, v))
    values = []
    for i in range(len(f)):
        attraction = np.exp(min(f[i] @ v[i] - m_p, 0) / tau)
        others = [j for j in range(len(f)) if labels[j] != labels[i]]
        repulsion = sum(np.exp(max(f[i] @ f[j] - m_n, 0) / tau) for j in others)
        values.append(-np.log(attraction / (attraction + repulsion)))
    return values


def embedded(embedding: Tensor, proxies: Tensor, labels: Tensor) -> PenaltyInputs:
    """Return the inputs of a discriminator step whose real images have these features."""
    features = {"embedding": embedding, "proxies": proxies}
    given = inputs(*networks(), "discriminator", batch=len(labels))
    outputs = DiscriminatorOutputs(torch.zeros(len(labels)), None, features)
    return replace(given, real_outputs=outputs, labels=labels)


def test_acgan_is_the_cross_entropy_of_both_sides_for_the_discriminator_and_of_fakes_for_the_generator():
    given = inputs(*networks(), "discriminator")
    real, fake, labels = given.real_outputs, given.fake_outputs, given.labels
    expected = np.add(cross_entropy(real.classes, labels), cross_entropy(fake.classes, labels))
    assert penalty("acgan")(given).tolist() == pytest.approx(expected, rel=1e-5)
    given = inputs(*networks(), "generator")
    expected = cross_entropy(given.fake_outputs.classes, given.labels)
    assert penalty("acgan")(given).tolist() == pytest.approx(expected, rel=1e-5)


def test_acgan_of_a_class_head_that_knows_nothing_is_the_logarithm_of_the_number_of_classes():
    generator, discriminator = networks()
    torch.nn.init.zeros_(discriminator.classes.weight)
    torch.nn.init.zeros_(discriminator.classes.bias)
    for step_of, sides in (("discriminator", 2), ("generator", 1)):
        value = penalty("acgan")(inputs(generator, discriminator, step_of))
        torch.testing.assert_close(value, torch.full((12,), sides * float(np.log(CLASSES))))


@pytest.mark.parametrize("step_of", SIDES)
@pytest.mark.parametrize("params", [{}, {"temperature": 0.1, "margin_positive": 0.5, "margin_negative": -0.3}])
def test_reacgan_is_the_formula_at_real_images_for_the_discriminator_and_at_fakes_for_the_generator(step_of, params):
    given = inputs(*networks(), step_of)
    outputs = given.real_outputs if step_of == "discriminator" else given.fake_outputs
    settings = {"temperature": 0.5, "margin_positive": 0.98, "margin_negative": 0.02, **params}
    expected = d2d(outputs.features["embedding"], outputs.features["proxies"], given.labels, *settings.values())
    value = penalty("reacgan", **params)(given)
    assert value.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6) and value.dtype == torch.float32
    assert len(set(given.labels.tolist())) == CLASSES


def test_reacgan_in_closed_form():
    """An embedding at its proxy and at right angles to another class costs log(2); alone, it costs 0."""
    axes = torch.eye(4)[:2] * 3
    value = penalty("reacgan")(embedded(axes, axes, torch.tensor([0, 1])))
    torch.testing.assert_close(value, torch.full((2,), float(np.log(2))))
    value = penalty("reacgan")(embedded(axes, -axes, torch.tensor([1, 1])))
    torch.testing.assert_close(value, torch.zeros(2))


def test_reacgan_under_autocast_compares_in_float32():
    given = inputs(*networks(), "discriminator")
    exact = penalty("reacgan")(given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(penalty("reacgan")(given), exact)


def test_reacgan_has_a_finite_gradient_at_an_embedding_of_zero():
    zero = torch.zeros(3, 4, requires_grad=True)
    penalty("reacgan")(embedded(zero, torch.ones(3, 4), torch.tensor([0, 1, 2]))).mean().backward()
    assert zero.grad is not None and zero.grad.isfinite().all() and zero.grad.abs().sum() > 0


@pytest.mark.parametrize(("name", "heads"), [("acgan", {"classes"}), ("reacgan", {"embedding", "proxies"})])
def test_each_network_learns_in_its_own_step(name, heads):
    generator, discriminator = networks()
    value = penalty(name)(inputs(generator, discriminator, "discriminator"))
    assert {key.split(".")[0] for key in reaches(value, discriminator)} == {"body", *heads}
    assert not any(parameter.grad is not None for parameter in generator.parameters())
    generator, discriminator = networks()
    value = penalty(name)(inputs(generator, discriminator, "generator"))
    assert {key.split(".")[0] for key in reaches(value, generator)} == {"mapping", "pixels"}
    assert not any(parameter.grad is not None for parameter in discriminator.parameters())


def test_metadata_and_bounds():
    registry = Registry.load()
    for name, outputs in (("acgan", ("classes",)), ("reacgan", ("embedding", "proxies"))):
        entry = registry.get(PenaltyEntry, name)
        assert entry.network == "both" and entry.needs.labels and entry.needs.outputs == outputs
        assert not penalty(name).state_dict()
    params = registry.get(PenaltyEntry, "reacgan").params
    with pytest.raises(ValueError, match="temperature is 0"):
        params(temperature=0)
    with pytest.raises(ValueError, match="margin_negative is 2"):
        params(margin_negative=2)
