"""What every registered architecture must do, whichever plugin it comes from."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from dataclasses import fields
from importlib.metadata import entry_points
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.entries import ArchitectureEntry, LossEntry, Needs, PenaltyEntry, PictureSpec
from ganzoo.interfaces import Discriminator, Generator, Loss, Penalty
from ganzoo.plugin.registry import GROUP, Registry

REGISTRY = Registry.load()
ARCHITECTURES = sorted(REGISTRY.entries["architecture"])
PICTURES = [PictureSpec(1, 28), PictureSpec(3, 32, classes=3), PictureSpec(1, 48)]
PLUGINS = sorted(p.value for p in entry_points(group=GROUP) if p.dist is not None and p.dist.name == "ganzoo")
TRUNCATING = [n for n in ARCHITECTURES if REGISTRY.get(ArchitectureEntry, n).load_generator().has_truncation]
SMALL = {"latent_dim": 6, "w_dim": 6, "width": 8, "width_max": 16, "layers": 2}

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)
every_picture = pytest.mark.parametrize("picture", PICTURES, ids=lambda p: f"{p.channels}x{p.size}")


def entry_of(name: str) -> ArchitectureEntry:
    return REGISTRY.get(ArchitectureEntry, name)


def small(params: type) -> Any:
    """The dataclass with whichever of its fields have a small value, for speed."""
    names = {field.name for field in fields(params)}
    return params(**{name: value for name, value in SMALL.items() if name in names})


def pair(name: str, picture: PictureSpec, needs: Needs | None = None, seed: int = 0) -> tuple[Generator, Discriminator]:
    entry = entry_of(name)
    entry.check_picture(picture)
    torch.manual_seed(seed)
    generator = entry.load_generator()(picture, small(entry.generator_params))
    discriminator = entry.load_discriminator()(picture, small(entry.discriminator_params), needs or Needs())
    return generator, discriminator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labels_for(picture: PictureSpec, count: int) -> Tensor | None:
    return torch.arange(count) % picture.classes if picture.classes else None


def generate(generator: Generator, count: int = 4, seed: int = 0) -> Tensor:
    rng = seeded(seed)
    latents = generator.sample_latents(count, rng)
    return generator(latents, labels_for(generator.picture, count), rng=rng)


def random_pictures(picture: PictureSpec, count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, picture.channels, picture.size, picture.size, generator=seeded(seed)) * 2 - 1


def test_the_first_party_zoo_is_whole() -> None:
    assert {"dcgan", "mlp", "sngan", "stylegan-lite"} <= set(ARCHITECTURES)
    assert [f"{plugin.name}: {plugin.error}" for plugin in REGISTRY.plugins if plugin.error] == []


def test_every_target_follows_its_interface() -> None:
    for name in ARCHITECTURES:
        assert issubclass(entry_of(name).load_generator(), Generator)
        assert issubclass(entry_of(name).load_discriminator(), Discriminator)
    for kind, entry_type, interface in (("loss", LossEntry, Loss), ("penalty", PenaltyEntry, Penalty)):
        assert REGISTRY.entries[kind], f"no {kind} is registered"
        for name in REGISTRY.entries[kind]:
            assert issubclass(REGISTRY.get(entry_type, name).load(), interface)


def test_every_entry_tells_where_it_comes_from() -> None:
    for kind in ("architecture", "loss", "penalty"):
        for name, entry in REGISTRY.entries[kind].items():
            assert entry.summary, f"{kind} {name} has no summary"
            assert entry.paper, f"{kind} {name} cites no paper"


def test_penalties_a_loss_brings_along_exist() -> None:
    for name in REGISTRY.entries["loss"]:
        for penalty in REGISTRY.get(LossEntry, name).penalties:
            assert penalty in REGISTRY.entries["penalty"]


@pytest.mark.parametrize("module", PLUGINS)
def test_registration_does_not_import_torch(module: str) -> None:
    code = (
        "import sys, importlib\n"
        "from ganzoo.plugin.registry import Registry\n"
        f"report = Registry(strict=True).add(lambda: importlib.import_module({module!r}), 'plugin')\n"
        "assert report.registered, 'registers nothing'\n"
        "assert 'torch' not in sys.modules, 'imports torch'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@every_architecture
@every_picture
def test_shapes_and_range(name: str, picture: PictureSpec) -> None:
    generator, discriminator = pair(name, picture)
    for training in (True, False):
        generator.train(training)
        pictures = generate(generator)
        assert pictures.shape == (4, picture.channels, picture.size, picture.size)
        assert pictures.isfinite().all()
        assert training or pictures.abs().max() <= 1
        logits = discriminator.train(training)(pictures, labels_for(picture, 4), rng=seeded())
        assert logits.shape == (4,) and logits.isfinite().all()


@every_architecture
@pytest.mark.parametrize("size", [9, 30, 36])
def test_odd_sizes_work_or_are_refused_with_a_reason(name: str, size: int) -> None:
    picture = PictureSpec(3, size)
    try:
        entry_of(name).check_picture(picture)
    except ValueError as error:
        assert "size" in str(error)
    else:
        generator, discriminator = pair(name, picture)
        assert generate(generator).shape == (4, 3, size, size)
        assert discriminator(random_pictures(picture, 4)).shape == (4,)


@every_architecture
def test_a_batch_of_one(name: str) -> None:
    generator, discriminator = pair(name, PICTURES[0])
    pictures = generate(generator.eval(), count=1)
    assert pictures.shape == (1, 1, 28, 28) and pictures.isfinite().all()
    logits = discriminator(pictures, None, rng=seeded())
    assert logits.shape == (1,) and logits.isfinite().all()


@every_architecture
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    picture = PICTURES[1]
    generator, discriminator = pair(name, picture)
    softplus(-discriminator(generate(generator), labels_for(picture, 4), rng=seeded())).mean().backward()
    for network in (generator, discriminator):
        gradients = {key: parameter.grad for key, parameter in network.named_parameters()}
        assert gradients
        for key, gradient in gradients.items():
            assert gradient is not None, f"{key} takes no part"
            assert gradient.isfinite().all(), f"{key} has no finite gradient"
        assert sum(gradient.abs().sum() for gradient in gradients.values() if gradient is not None) > 0


@every_architecture
def test_saved_and_loaded_networks_are_the_same(name: str) -> None:
    picture = PICTURES[0]
    networks, others = pair(name, picture, seed=0), pair(name, picture, seed=1)
    generate(networks[0].train())  # moves running statistics, which must survive too
    outputs = []
    for one, other in zip(networks, others, strict=True):
        other.load_state_dict(load(save(one.state_dict())))
    for generator, discriminator in (networks, others):
        pictures = generate(generator.eval())
        outputs.append((pictures, discriminator.eval()(pictures)))
    assert torch.equal(outputs[0][0], outputs[1][0]) and torch.equal(outputs[0][1], outputs[1][1])


@every_architecture
@pytest.mark.parametrize("training", [True, False])
def test_the_same_seed_gives_the_same_pictures(name: str, training: bool) -> None:
    generator = pair(name, PICTURES[0])[0].train(training)
    first = generate(generator, seed=3)
    assert torch.equal(first, generate(generator, seed=3))
    assert not torch.equal(first, generate(generator, seed=4))


@every_architecture
def test_the_global_random_state_is_left_alone(name: str) -> None:
    generator, discriminator = pair(name, PICTURES[0])
    before = torch.get_rng_state()
    discriminator.train()(generate(generator.train()), None, rng=seeded())
    assert torch.equal(before, torch.get_rng_state())


@every_architecture
def test_per_sample_logits_ignore_the_rest_of_the_batch(name: str) -> None:
    picture = PICTURES[0]
    discriminator = pair(name, picture, Needs(per_sample=True))[1].train()
    assert not discriminator.mixes_samples
    pictures = random_pictures(picture, 4)
    others = torch.cat([pictures[:1], 0.1 * random_pictures(picture, 3, seed=1)])
    first, second, alone = (deepcopy(discriminator)(batch)[0] for batch in (pictures, others, pictures[:1]))
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first, alone)


@every_architecture
def test_networks_say_whether_they_mix_samples(name: str) -> None:
    """``mixes_samples`` is what the training step trusts, so it must be true of the default network."""
    picture = PICTURES[0]
    discriminator = pair(name, picture)[1].train()
    pictures = random_pictures(picture, 4)
    others = torch.cat([pictures[:1], 0.1 * random_pictures(picture, 3, seed=1)])
    first, second = (deepcopy(discriminator)(batch)[0] for batch in (pictures, others))
    same = torch.allclose(first, second, rtol=1e-5, atol=1e-6)
    assert same is not discriminator.mixes_samples


@every_architecture
def test_double_backward(name: str) -> None:
    """A gradient penalty needs the gradient's gradient with respect to the weights."""
    picture = PICTURES[0]
    discriminator = pair(name, picture, Needs(per_sample=True))[1]
    pictures = random_pictures(picture, 3).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(pictures).sum(), pictures, create_graph=True)
    gradient.square().sum().backward()
    weights = [p.grad for p in discriminator.parameters() if p.ndim > 1]
    assert weights
    for weight in weights:
        assert weight is not None and weight.isfinite().all() and weight.abs().sum() > 0


@every_architecture
def test_bf16_autocast(name: str) -> None:
    generator, discriminator = pair(name, PICTURES[0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = discriminator(generate(generator), None, rng=seeded())
        loss = softplus(-logits.float()).mean()
    loss.backward()
    for network in (generator, discriminator):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", TRUNCATING)
def test_truncation_is_understood_where_it_is_claimed(name: str) -> None:
    generator = pair(name, PICTURES[0])[0].eval()
    latents = generator.sample_latents(4, seeded())
    mean = generator(latents, truncation=0.0)
    torch.testing.assert_close(mean, mean[:1].expand_as(mean))
    assert not torch.equal(generator(latents, truncation=0.5), generator(latents))


@every_architecture
def test_networks_hold_no_modules_in_common(name: str) -> None:
    generator, discriminator = pair(name, PICTURES[0])
    owned = [{id(tensor) for tensor in _tensors(network)} for network in (generator, discriminator)]
    assert owned[0] and owned[1] and not owned[0] & owned[1]


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
