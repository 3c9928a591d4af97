"""The parts of conditional networks, compared with the formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganzoo.entries import ImageSpec
from ganzoo.models.conditional import (
    EMBEDDING,
    ConditionalBatchNorm2d,
    Heads,
    batch_norm,
    classes_for,
    normalise,
)
from ganzoo.models.spectral import spectral

IMAGE = ImageSpec(1, 8, classes=3)
LABELS = torch.tensor([2, 0, 1, 2, 0])


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_conditional_batch_norm_is_batch_norm_with_the_gain_and_bias_of_each_class():
    norm = batch_norm(4, 3)
    assert isinstance(norm, ConditionalBatchNorm2d)
    for table in (norm.gain, norm.bias):
        nn.init.normal_(table.weight, generator=rng())
    x = torch.randn(5, 4, 6, 6, generator=rng())
    mean, variance = torch.zeros(4), torch.ones(4)
    expected = torch.empty_like(x)
    for label in range(3):
        gain, bias = 1 + norm.gain.weight[label], norm.bias.weight[label]
        whole = F.batch_norm(x, mean.clone(), variance.clone(), gain, bias, training=True)
        expected[label == LABELS] = whole[label == LABELS]
    assert torch.allclose(norm(x, LABELS), expected, atol=1e-6)
    F.batch_norm(x, mean, variance, training=True)
    assert torch.allclose(norm.norm.running_mean, mean) and torch.allclose(norm.norm.running_var, variance)


def test_a_conditional_batch_norm_starts_as_one_without_gain_and_bias():
    x = torch.randn(5, 4, 6, 6, generator=rng())
    assert torch.allclose(batch_norm(4, 3)(x, LABELS), nn.BatchNorm2d(4, affine=False)(x))


def test_without_classes_the_norm_is_the_ordinary_one():
    norm, x = batch_norm(4, 0), torch.randn(5, 4, 6, 6, generator=rng())
    assert type(norm) is nn.BatchNorm2d
    assert torch.equal(normalise(norm, x, None), nn.BatchNorm2d(4)(x))


def test_the_projection_adds_the_product_of_features_and_embedding():
    heads, phi, logits = Heads(6, IMAGE, (), True), torch.randn(5, 6, generator=rng()), torch.arange(5.0)
    expected = torch.stack([logits[i] + heads.project.weight[label] @ phi[i] for i, label in enumerate(LABELS)])
    outputs = heads.read(logits, phi, LABELS)
    assert torch.allclose(outputs.logits, expected, atol=1e-6)
    assert outputs.classes is None and not outputs.features
    assert heads.conditional == "required"


def test_a_wrapped_embedding_has_a_largest_singular_value_of_1():
    heads = Heads(6, IMAGE, ("classes",), True, wrap=spectral)
    with torch.no_grad():
        for _ in range(50):
            heads.read(torch.zeros(5), torch.zeros(5, 6), LABELS)
    for layer in (heads.project, heads.classify):
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("names", [(), ("classes",), ("embedding", "proxies"), ("features",), ("classes", "features")])
def test_heads_appear_only_on_demand(names):
    heads, phi = Heads(6, IMAGE, names), torch.randn(5, 6, generator=rng())
    layers = {"classes": {"classify.weight", "classify.bias"}, "embedding": {"embed.weight", "embed.bias"},
              "proxies": {"proxies.weight"}, "features": set()}  # fmt: skip
    assert set(heads.state_dict()) == set().union(*(layers[name] for name in names))
    logits = torch.arange(5.0)
    outputs = heads.read(logits, phi, LABELS)
    assert outputs.logits is logits
    assert outputs.lacks(names) == []
    assert outputs.features.keys() == set(names) - {"classes"}
    assert (outputs.classes is not None) == ("classes" in names)


def test_each_head_says_what_it_is_asked():
    heads = Heads(6, IMAGE, ("classes", "embedding", "proxies", "features"))
    phi = torch.randn(5, 6, generator=rng())
    outputs = heads.read(torch.zeros(5), phi, LABELS)
    assert torch.equal(outputs.classes, heads.classify(phi)) and outputs.classes.shape == (5, 3)
    assert torch.equal(outputs.features["features"], phi)
    raw = {"embedding": heads.embed(phi), "proxies": heads.proxies.weight[LABELS]}
    for name, value in raw.items():
        assert outputs.features[name].shape == (5, EMBEDDING)
        assert torch.allclose(outputs.features[name], value / value.norm(dim=1, keepdim=True))


@pytest.mark.parametrize(
    ("image", "names", "conditional", "says"),
    [
        (IMAGE, ("depth",), False, "no depth; it has classes, embedding, features, proxies"),
        (ImageSpec(1, 8), (), True, "the data set has no labels"),
        (ImageSpec(1, 8), ("classes",), False, "the data set has no labels"),
        (ImageSpec(1, 8), ("proxies",), False, "the data set has no labels"),
    ],
)
def test_what_cannot_be_is_refused(image, names, conditional, says):
    with pytest.raises(ValueError, match=says):
        Heads(6, image, names, conditional)


@pytest.mark.parametrize("arguments", [((), True), (("proxies",), False)])
def test_heads_that_read_labels_say_that_they_get_none(arguments):
    with pytest.raises(ValueError, match="needs labels"):
        Heads(6, IMAGE, *arguments).read(torch.zeros(5), torch.zeros(5, 6), None)


def test_null_stands_for_whether_there_are_labels():
    unlabelled = ImageSpec(1, 8)
    assert [classes_for(IMAGE, value) for value in (False, None, True)] == [0, 3, 3]
    assert [classes_for(unlabelled, value) for value in (False, None)] == [0, 0]
