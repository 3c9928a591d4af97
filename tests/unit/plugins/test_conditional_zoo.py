"""The effect of the setting ``conditional``, and the networks without it, which have not changed."""

from __future__ import annotations

import hashlib
from copy import deepcopy

import pytest
import torch

from ganzoo.config.resolve import resolve
from ganzoo.entries import ArchitectureEntry, ImageSpec, Needs
from ganzoo.errors import GanzooError
from ganzoo.models.build import build_model

IMAGE = ImageSpec(1, 16, classes=3)
ALL = ["dcgan", "sngan", "stylegan-lite", "biggan-lite"]
UNCONDITIONAL = ["dcgan", "sngan", "stylegan-lite", "mlp"]  # unless conditional=true
LABELS = torch.arange(4) % 3

# From before these networks could be conditional, for one channel, 28 pixels and seed 0. For each network: a hash of
# the names and shapes of the weights, and the sum of the parameters, each multiplied by its number.
BEFORE = {
    "dcgan": ("9c3472fa2283a914", 856.081523, "c2044ce56d1faa58", 385.929735),
    "mlp": ("7376ba6aff7bb714", 5214.966945, "b6054321d9213603", 142.681178),
    "sngan": ("49ad9da5dfe7da8a", 2121.022115, "630546cf99f21777", 17.751380),
    "stylegan-lite": ("9ba32e4de78b5017", -73733.495271, "5f8fa51d749c30c1", -13604.406777),
}


@pytest.fixture
def build(registry, tiny):
    """A function that builds both networks of a small recipe."""

    def built(recipe: str, *settings: str, image: ImageSpec = IMAGE):
        name = recipe.split("+")[0].split("/")[0]
        config = resolve(registry, recipe, None, [*tiny(name), *settings])
        model = build_model(config, image)
        return model.generator, model.discriminator

    return built


def shapes(network: torch.nn.Module) -> str:
    listed = repr([(name, tuple(value.shape)) for name, value in network.state_dict().items()])
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def total(network: torch.nn.Module) -> float:
    return sum((place + 1) * value.double().sum().item() for place, value in enumerate(network.parameters()))


def pixels(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("name", UNCONDITIONAL)
def test_unconditional_networks_are_what_they_were(registry, name):
    entry = registry.get(ArchitectureEntry, name)
    torch.manual_seed(0)
    generator = entry.load_generator()(ImageSpec(1, 28), entry.generator_params())
    discriminator = entry.load_discriminator()(ImageSpec(1, 28), entry.discriminator_params(), Needs())
    expected = BEFORE[name]
    assert (shapes(generator), shapes(discriminator)) == (expected[0], expected[2])
    assert total(generator) == pytest.approx(expected[1], rel=1e-5)
    assert total(discriminator) == pytest.approx(expected[3], rel=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_one_setting_makes_both_networks_read_the_labels(build, name):
    generator, discriminator = build(f"{name}+hinge", "generator.conditional=true")
    assert generator.conditional == discriminator.conditional == "required"
    latents = generator.sample_latents(1, torch.Generator().manual_seed(0)).expand(4, -1)
    with torch.no_grad():
        for value in generator.parameters():  # at the start, the gains and biases of all classes are equal
            value.add_(0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0)))
        for network, given in ((generator, latents), (discriminator, pixels(1).expand(4, -1, -1, -1))):
            made = network.eval()(given, LABELS)
            assert torch.allclose(made[0], made[3], atol=1e-6)
            assert not torch.allclose(made[0], made[1], atol=1e-5) and not torch.allclose(made[1], made[2], atol=1e-5)
            with pytest.raises(ValueError, match="needs labels"):
                network(given)


@pytest.mark.parametrize("name", [*ALL, "mlp"])
def test_without_it_labels_change_nothing(build, name):
    generator, discriminator = build(f"{name}+hinge", *([] if name == "mlp" else ["generator.conditional=false"]))
    assert generator.conditional is discriminator.conditional is False
    latents = generator.sample_latents(4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for network, given in ((generator, latents), (discriminator, pixels())):
            assert torch.equal(network.eval()(given, LABELS), network(given))


def test_biggan_lite_is_conditional_if_there_are_labels(build):
    for image, expected in ((IMAGE, "required"), (ImageSpec(1, 16), False)):
        assert [network.conditional for network in build("biggan-lite+hinge", image=image)] == [expected] * 2


@pytest.mark.parametrize("name", ALL)
def test_images_without_labels_are_refused(build, name):
    with pytest.raises(GanzooError, match="has no labels"):
        build(f"{name}+hinge", "generator.conditional=true", image=ImageSpec(1, 16))


def test_a_discriminator_follows_the_generator_of_another_architecture(registry):
    def conditional(recipe: str, *settings: str):
        return resolve(registry, recipe, None, settings).values.discriminator.conditional

    assert conditional("dcgan/sngan+hinge", "generator.conditional=true") is True
    assert conditional("biggan-lite/dcgan+hinge") is None
    assert conditional("mlp/dcgan+hinge") is False  # mlp has no such setting
    assert conditional("dcgan+hinge", "generator.conditional=true", "discriminator.conditional=false") is False


@pytest.mark.parametrize("name", [*ALL, "mlp"])
@pytest.mark.parametrize("outputs", [("classes",), ("embedding", "proxies"), ("features",)], ids=" ".join)
def test_discriminators_have_the_heads_that_are_asked_for(registry, name, outputs):
    entry = registry.get(ArchitectureEntry, name)
    params = entry.discriminator_params(width=8)

    def made(needs: Needs):
        torch.manual_seed(0)
        return entry.load_discriminator()(IMAGE, params, needs).eval()

    plain, network = made(Needs()), made(Needs(outputs=outputs))
    added = network.state_dict().keys() - plain.state_dict().keys()
    assert bool(added) == (outputs != ("features",)) and all(key.startswith("heads.") for key in added)
    found, none = network.outputs(pixels(), LABELS), plain.outputs(pixels(), LABELS)
    assert found.lacks(outputs) == [] and none.lacks(outputs) == list(outputs)
    assert torch.equal(network(pixels(), LABELS), found.logits)
    assert torch.allclose(found.logits, none.logits, atol=1e-5)
    assert all(value.shape[0] == 4 and value.isfinite().all() for value in found.features.values())
    with pytest.raises(ValueError, match="has no depth"):
        made(Needs(outputs=("depth",)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_conditional_pairs_train(make_loop, name, precision):
    settings = ["generator.conditional=true", f"loop.precision={precision}"]
    loop = make_loop(f"{name}+hinge", "run", settings)
    before = deepcopy(loop.model)
    for _ in range(2):
        loop.iteration()
    for network in ("generator", "discriminator"):
        old = dict(getattr(before, network).named_parameters())
        for key, value in getattr(loop.model, network).named_parameters():
            assert value.isfinite().all(), key
            if value.ndim > 1:  # the logit's bias may have no gradient at first: real and fake cancel
                assert not torch.equal(value, old[key]), key


@pytest.mark.parametrize("name", ALL)
def test_a_gradient_penalty_goes_through_the_projection(build, name):
    discriminator = build(f"{name}+wgan-gp", "generator.conditional=true")[1]
    images = pixels().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(images, LABELS).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    for key, value in discriminator.heads.named_parameters():
        assert value.grad is not None and value.grad.abs().sum() > 0, key
