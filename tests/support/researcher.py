"""A plugin that uses the whole contract: conditional networks with heads, a penalty with state, optional arguments."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo import ArchitectureEntry, ImageSpec, LossEntry, Needs, OptimizerEntry, PenaltyEntry, hookimpl
from ganzoo.entries import param
from ganzoo.interfaces import (
    Discriminator,
    DiscriminatorOutputs,
    Generator,
    Loss,
    Penalty,
    PenaltyInputs,
    whole_batch,
)

IMAGE = ImageSpec(1, 8, classes=3)
LATENTS, WIDTH = 4, 16


@dataclass
class Conditions:
    conditional: bool = param(True, "use the labels")


class Labelled(Generator):
    """A generator from the sum of the latents and an embedding of the class to an image."""

    def __init__(self, image, params):
        super().__init__()
        self.image, self.latent_dim = image, LATENTS
        self.conditional = "required" if params.conditional else False
        self.embedding = nn.Embedding(max(1, image.classes), LATENTS)
        self.body = nn.Sequential(
            nn.Linear(LATENTS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, image.channels * image.size**2)
        )

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        given = latents + self.embedding(labels) if self.conditional else latents
        return self.body(given).tanh().unflatten(1, (self.image.channels, self.image.size, self.image.size))


class Judging(Discriminator):
    """A projection discriminator. It returns class logits and its features only if ``needs`` includes them."""

    def __init__(self, image, params, needs):
        super().__init__()
        self.image, self.conditional, self.heads = image, params.conditional, needs.outputs
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(image.channels * image.size**2, WIDTH), nn.LeakyReLU(0.2))
        self.logit = nn.Linear(WIDTH, 1)
        self.embedding = nn.Embedding(max(1, image.classes), WIDTH)
        if "classes" in needs.outputs:
            self.classes = nn.Linear(WIDTH, image.classes)
        self.passes = 0

    def outputs(self, images, labels=None, *, rng=None):
        self.passes += 1
        features = self.body(images)
        logits = self.logit(features).squeeze(1)
        if self.conditional and labels is not None:
            logits = logits + (self.embedding(labels) * features).sum(1)
        classes = self.classes(features) if "classes" in self.heads else None
        return DiscriminatorOutputs(logits, classes, {"body": features} if "body" in self.heads else {})

    def forward(self, images, labels=None, *, rng=None):
        return self.outputs(images, labels, rng=rng).logits


class PatchJudge(Discriminator):
    """A discriminator with a logit for each of 16 patches of an 8x8 image."""

    def __init__(self, image, params, needs):
        super().__init__()
        self.image = image
        self.body = nn.Conv2d(image.channels, 1, 2, stride=2)

    def forward(self, images, labels=None, *, rng=None):
        return self.body(images).squeeze(1)


class ClassHead(Penalty):
    """The cross-entropy of the class head: of real images in the discriminator's step, of fakes in the generator's."""

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        judged = inputs.real_outputs if inputs.step_of == "discriminator" else inputs.fake_outputs
        assert judged is not None and judged.classes is not None and inputs.labels is not None
        return cross_entropy(judged.classes, inputs.labels, reduction="none")


class Moving(Penalty):
    """The squared distance of each fake's logit from the moving average of the real logits, which is in a buffer."""

    def __init__(self, params) -> None:
        super().__init__(params)
        self.register_buffer("average", torch.zeros(()))

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        assert inputs.real_outputs is not None and inputs.fake_outputs is not None
        with torch.no_grad():
            self.average.lerp_(whole_batch(inputs.real_outputs.logits).mean(), 0.5)
        return (inputs.fake_outputs.logits - self.average).square()


class Observing(Loss):
    """A loss that records its optional arguments: outputs, labels, latents and the sum of progress."""

    def __init__(self, params) -> None:
        super().__init__(params)
        self.seen: list[dict] = []
        self.register_buffer("progress_sum", torch.zeros(()))

    def discriminator(self, *, d_real, d_fake, real_outputs, fake_outputs, labels, latents, progress):
        self.seen.append({"real": real_outputs, "fake": fake_outputs, "labels": labels, "latents": latents})
        self.progress_sum += progress
        return (d_fake - d_real).mean() * (1 + progress)

    def generator(self, *, d_real, d_fake, progress):
        return -d_fake.mean() * (1 + progress)


class Patchy(Loss):
    """A loss for logits of patches."""

    def discriminator(self, *, d_real, d_fake):
        return (d_fake - d_real).mean()

    def generator(self, *, d_real, d_fake):
        return -d_fake.mean()


def descent(parameters, *, lr, momentum=0.0):
    """Return plain gradient descent, which takes neither betas nor weight decay."""
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum)


def two_speeds(parameters, *, lr):
    """Return gradient descent that moves biases and other vectors at half the learning rate of matrices."""
    vectors = [parameter for parameter in parameters if parameter.ndim < 2]
    matrices = [parameter for parameter in parameters if parameter.ndim >= 2]
    return torch.optim.SGD([{"params": matrices, "lr": lr}, {"params": vectors, "lr": lr / 2}])


class Rateless(torch.optim.Optimizer):
    """An optimizer whose groups have no learning rate."""

    def __init__(self, parameters):
        super().__init__(parameters, {})


HERE = "support.researcher"


@hookimpl
def register_architectures(register):
    pair = {"generator": f"{HERE}:Labelled", "generator_params": Conditions, "discriminator_params": Conditions}
    register(ArchitectureEntry(name="labelled", summary="Conditional", discriminator=f"{HERE}:Judging", **pair))
    register(ArchitectureEntry(name="patchy", summary="Patches", discriminator=f"{HERE}:PatchJudge", **pair))


@hookimpl
def register_losses(register):
    register(LossEntry(name="observing", summary="Remembers its arguments", target=f"{HERE}:Observing"))
    register(LossEntry(name="patches", summary="Takes patches", target=f"{HERE}:Patchy", patches=True))


@hookimpl
def register_penalties(register):
    heads, body = Needs(labels=True, outputs=("classes",)), Needs(outputs=("body",))
    moving = {"target": f"{HERE}:Moving", "patches": True}
    head = {"target": f"{HERE}:ClassHead", "patches": True, "network": "both"}
    register(PenaltyEntry(name="class-head", summary="Classifies", needs=heads, **head))
    register(PenaltyEntry(name="moving", summary="Has state", **moving))
    register(PenaltyEntry(name="reads-body", summary="Reads features", needs=body, **moving))


@hookimpl
def register_optimizers(register):
    register(OptimizerEntry(name="descent", summary="Gradient descent", target=f"{HERE}:descent"))
    register(OptimizerEntry(name="two-speeds", summary="Two learning rates", target=f"{HERE}:two_speeds"))
    register(OptimizerEntry(name="rateless", summary="No learning rate", target=f"{HERE}:Rateless"))
