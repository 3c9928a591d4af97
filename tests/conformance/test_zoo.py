"""The zoo passes the conformance kit, and its networks pass further tests."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from typing import Any

import pytest
import torch

from ganzoo.entries import ArchitectureEntry, ImageSpec, Needs
from ganzoo.interfaces import Discriminator, Generator
from ganzoo.plugin.registry import Registry
from ganzoo.testing.conformance import Case, plan
from ganzoo.testing.networks import generate, judge
from ganzoo.testing.plugin import Checker
from ganzoo.testing.probe import random_images

REGISTRY = Registry.load()
ARCHITECTURES = ("biggan-lite", "dcgan", "mlp", "sngan", "stylegan-lite")
IMAGE = ImageSpec(1, 28)
SMALL = {"latent_dim": 6, "w_dim": 6, "width": 8, "width_max": 16, "layers": 2}

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


def cases() -> list[Case]:
    """Return the cases of the zoo, without data sets that are downloaded or need a path; these have their own tests."""
    found = plan("ganzoo", settings=["generator.width=4", "discriminator.width=4"]).cases
    return [case for case in found if case.subject.kind != "dataset" or case.subject.title == "dataset fashion-10k"]


@pytest.mark.parametrize("case", cases(), ids=str)
def test_conformance(case):
    Checker(case)()


CONDITIONAL = ["generator.width=4", "discriminator.width=4", "generator.conditional=true"]


@pytest.mark.parametrize("name", ["dcgan", "sngan", "stylegan-lite"])
def test_architectures_conform_as_conditional_ones(name):
    found = [
        case for case in plan("ganzoo", settings=CONDITIONAL).cases if case.subject.title == f"architecture {name}"
    ]
    checks = ("interface", "labels", "outputs", "finite_gradients", "bf16", "save_and_load", "determinism")
    checks += ("resumes", "devices", "capture_safe")
    results = [case.result() for case in found if case.name in checks]
    assert {result.check: result.message for result in results if result.status != "passed"} == {}
    assert len(results) == len(checks)


def small(params: type) -> Any:
    """Return the parameters of a small, fast network: ``SMALL`` replaces the defaults."""
    names = {field.name for field in fields(params)}
    return params(**{name: value for name, value in SMALL.items() if name in names})


def pair(name: str, needs: Needs | None = None, image: ImageSpec = IMAGE) -> tuple[Generator, Discriminator]:
    entry = REGISTRY.get(ArchitectureEntry, name)
    torch.manual_seed(0)
    generator = entry.load_generator()(image, small(entry.generator_params))
    return generator, entry.load_discriminator()(image, small(entry.discriminator_params), needs or Needs())


def test_the_first_party_zoo_is_whole():
    assert set(ARCHITECTURES) <= set(REGISTRY.entries["architecture"])
    assert REGISTRY.entries["loss"] and REGISTRY.entries["penalty"]
    assert [f"{plugin.name}: {plugin.error}" for plugin in REGISTRY.plugins if plugin.error] == []


def test_every_entry_cites_a_paper():
    for kind in ("architecture", "loss", "penalty"):
        for name, entry in REGISTRY.entries[kind].items():
            assert entry.paper, f"{kind} {name} cites no paper"


@every_architecture
@pytest.mark.parametrize("size", [9, 30, 36])
def test_an_unusual_size_is_refused_by_name_or_generated(name, size):
    image = ImageSpec(3, size)
    try:
        REGISTRY.get(ArchitectureEntry, name).check_image(image)
    except ValueError as error:
        assert "size" in str(error)
    else:
        assert generate(pair(name, image=image)[0]).shape[1:] == (3, size, size)


@every_architecture
@pytest.mark.parametrize("image", [IMAGE, ImageSpec(3, 32, classes=3), ImageSpec(1, 48)], ids=str)
def test_pixels_and_logits_of_every_size_are_in_range(name, image):
    generator, discriminator = pair(name, image=image)
    for training in (True, False):
        images = generate(generator.train(training))
        assert images.isfinite().all() and (training or images.abs().max() <= 1)
        assert judge(discriminator.train(training), images).isfinite().all()


@every_architecture
@pytest.mark.parametrize("training", [True, False])
def test_the_same_seed_gives_the_same_images(name, training):
    """One generator gives the same images for a seed again, and other images for another seed."""
    generator = pair(name)[0].train(training)
    state = deepcopy(generator.state_dict())
    first = generate(generator, seed=3)
    if any("parametrizations" in key for key in state):  # a forward pass in training changes the power method's vectors
        generator.load_state_dict(state)
    assert torch.equal(first, generate(generator, seed=3))
    assert not torch.equal(first, generate(generator, seed=4))


@every_architecture
def test_networks_say_whether_they_mix_samples(name):
    """``mixes_samples`` is true exactly if a logit depends on the other images of its batch.

    The training step judges real and fake images in separate calls if it is true, which is slower.
    """
    discriminator = pair(name)[1].train()
    images = random_images(IMAGE, 4)
    others = torch.cat([images[:1], 0.1 * random_images(IMAGE, 3, seed=1)])
    first, second = (judge(deepcopy(discriminator), batch)[0] for batch in (images, others))
    assert torch.allclose(first, second, rtol=1e-5, atol=1e-6) is not discriminator.mixes_samples


@every_architecture
def test_a_gradient_penalty_reaches_every_weight(name):
    discriminator = pair(name, Needs(per_sample=True))[1]
    with torch.no_grad():
        for gain in (value for value in discriminator.parameters() if value.ndim == 0):
            gain.fill_(1)  # attention's gain starts at 0, which stops all gradients
    images = random_images(IMAGE, 3).requires_grad_(True)
    (gradient,) = torch.autograd.grad(judge(discriminator, images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    weights = [parameter.grad for parameter in discriminator.parameters() if parameter.ndim > 1]
    assert weights
    for weight in weights:
        assert weight is not None and weight.isfinite().all() and weight.abs().sum() > 0
