"""Small networks for tests of losses and penalties, and the values that several processes compute of a shared batch.

Run as a program with a path, this module is one of these processes.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganzoo.distributed import collectives
from ganzoo.distributed.random import random_stream
from ganzoo.entries import LossEntry, PenaltyEntry
from ganzoo.interfaces import Discriminator, DiscriminatorOutputs, Generator, Loss, Penalty, PenaltyInputs
from ganzoo.plugin.registry import Registry

CLASSES, PIXELS, LATENTS, STYLES, BATCH = 3, (2, 4, 4), 5, 6, 12
STEPS = 3
Values = dict[str, Tensor]


class Heads(Discriminator):
    """A discriminator with a logit (or one for each of four patches), a class head, an embedding and proxies."""

    def __init__(self, patches: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(32, 8), nn.Tanh())
        self.logit, self.classes = nn.Linear(8, 4 if patches else 1), nn.Linear(8, CLASSES)
        self.embedding, self.proxies = nn.Linear(8, 4), nn.Embedding(CLASSES, 4)

    def forward(self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return self.outputs(images, labels).logits

    def outputs(
        self, images: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None
    ) -> DiscriminatorOutputs:
        x = self.body(images)
        assert labels is not None
        features = {"embedding": self.embedding(x), "proxies": self.proxies(labels)}
        return DiscriminatorOutputs(self.logit(x).squeeze(1), self.classes(x), features)


class Plain(Generator):
    """A generator of two layers, from latents to images."""

    latent_dim = LATENTS

    def __init__(self) -> None:
        super().__init__()
        self.mapping, self.pixels = nn.Linear(LATENTS, STYLES), nn.Linear(STYLES, 32)

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        rng: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        return torch.tanh(self.pixels(torch.tanh(self.mapping(latents)))).view(-1, *PIXELS)


class Styled(Plain):
    """The same generator, split into styles and synthesis, which takes the mean of the two styles of a sample."""

    def styles(self, latents: Tensor, labels: Tensor | None = None, *, rng: torch.Generator | None = None) -> Tensor:
        return torch.tanh(self.mapping(latents))[:, None].expand(-1, 2, -1)

    def synthesise(self, styles: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        return torch.tanh(self.pixels(styles.sum(1) / 2)).view(-1, *PIXELS)


def penalty(name: str, **params: Any) -> Penalty:
    """Make a penalty of the zoo."""
    entry = Registry.load().get(PenaltyEntry, name)
    return entry.load()(entry.params(**params))


def loss(name: str, **params: Any) -> Loss:
    """Make a loss of the zoo."""
    entry = Registry.load().get(LossEntry, name)
    return entry.load()(entry.params(**params))


def networks(generator: type[Plain] = Plain, patches: bool = False, seed: int = 0) -> tuple[Plain, Heads]:
    """Return a generator and a discriminator. The same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return generator(), Heads(patches)


def inputs(
    generator: Plain,
    discriminator: Heads,
    step_of: Literal["discriminator", "generator"],
    seed: int = 0,
    batch: int = BATCH,
    rows: slice = slice(None),
) -> PenaltyInputs:
    """Return the inputs that a training step gives a penalty, for some rows of a batch.

    Only the network of ``step_of`` requires gradients, as in that step.
    """
    rng = torch.Generator().manual_seed(seed)
    real, latents = torch.rand(batch, *PIXELS, generator=rng) * 2 - 1, torch.randn(batch, LATENTS, generator=rng)
    labels = torch.randint(CLASSES, (batch,), generator=rng)[rows]
    real, latents = real[rows], latents[rows]
    discriminator.requires_grad_(step_of == "discriminator")
    generator.requires_grad_(step_of == "generator")
    fake = generator(latents, labels)
    of_real = discriminator.outputs(real, labels) if step_of == "discriminator" else None
    return PenaltyInputs(
        generator, discriminator, real, fake.detach(), latents, labels, torch.Generator().manual_seed(seed + 100),
        of_real, discriminator.outputs(fake, labels), torch.tensor(0.4), step_of,
    )  # fmt: skip


def reaches(value: Tensor, network: nn.Module) -> set[str]:
    """Return the names of the parameters that get a nonzero gradient from the value's mean. All must be finite."""
    for parameter in network.parameters():
        parameter.grad = None
    value.mean().backward(retain_graph=True)
    found = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert all(gradient.isfinite().all() for gradient in found.values())
    return {name for name, gradient in found.items() if gradient.abs().sum() > 0}


CASES = (
    ("acgan", "discriminator"), ("acgan", "generator"), ("reacgan", "discriminator"), ("reacgan", "generator"),
    ("lecam", "discriminator"), ("cr", "discriminator"), ("bcr", "discriminator"), ("path-length", "generator"),
    ("path-length-styled", "generator"), ("top-k", "generator"),
)  # fmt: skip


def measured() -> dict[str, Tensor]:
    """Return the value and gradients of each case at each step, averaged over all ranks, and the final buffers."""
    place, found = collectives.here(), {}
    for name, step_of in CASES:
        generator, discriminator = networks(Styled if name.endswith("styled") else Plain)
        rule = loss(name) if name == "top-k" else penalty(name.removesuffix("-styled"))
        stream = random_stream("cpu", BATCH, 0)
        trained = discriminator if step_of == "discriminator" else generator
        for step in range(STEPS):
            given = inputs(generator, discriminator, step_of, step, rows=slice(place.rank, None, place.world))  # type: ignore[arg-type]
            trained.zero_grad(set_to_none=True)
            value = value_of(rule, replace(given, rng=stream))
            value.backward()
            gradients = {key: p.grad for key, p in trained.named_parameters() if p.grad is not None}
            seen = {"value": value.detach().clone(), **gradients}
            collectives.average(list(seen.values()))
            found.update({f"{name} {step_of} {step} {key}": tensor.clone() for key, tensor in seen.items()})
        found.update({f"{name} {step_of} {key}": tensor for key, tensor in rule.state_dict().items()})
    return found


def value_of(rule: Loss | Penalty, given: PenaltyInputs) -> Tensor:
    """Return the mean of a penalty, or the generator's loss."""
    if isinstance(rule, Penalty):
        return rule(given).mean()
    assert given.fake_outputs is not None
    return rule.generator(d_real=None, d_fake=given.fake_outputs.logits, progress=given.progress)  # type: ignore[call-arg]


if __name__ == "__main__":
    with collectives.joined() as place:
        torch.save(measured(), Path(sys.argv[1]).with_suffix(f".{place.rank}"))
