"""Two penalties from outside of the project: a class head that both networks learn from, and LeCam."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo import Needs, PenaltyEntry, PenaltyParams, hookimpl
from ganzoo.entries import param
from ganzoo.interfaces import Penalty, PenaltyInputs, whole_batch


@dataclass
class AcganParams(PenaltyParams):
    fakes: bool = param(True, "the discriminator's head learns from generated images too, as in the paper")


@dataclass
class LecamParams(PenaltyParams):
    weight: float = param(0.3, "factor of the penalty in the discriminator's loss")
    decay: float = param(0.9, "share of the moving averages that each step keeps")

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay is {self.decay}, must be at least 0 and below 1")


@hookimpl
def register_penalties(register) -> None:
    register(
        PenaltyEntry(
            name="outside-acgan",
            summary="A class head beside the logit, whose cross-entropy both networks lower",
            paper="Odena, Olah, Shlens 2017, Image Synthesis with Auxiliary Classifier GANs, arXiv:1610.09585",
            formula="D: weight * E[-log p(label | real) - log p(label | fake)]; G: weight * E[-log p(label | fake)]",
            target="outside_penalties:Acgan",
            params=AcganParams,
            network="both",
            needs=Needs(labels=True, outputs=("classes",)),
        )
    )
    register(
        PenaltyEntry(
            name="outside-lecam",
            summary="Keeps the logits of each side near the moving average of the other side's",
            paper="Tseng et al. 2021, Regularizing GANs under Limited Data, arXiv:2104.03310",
            formula="weight * E[(d_real - average(d_fake))^2 + (d_fake - average(d_real))^2]",
            target="outside_penalties:Lecam",
            params=LecamParams,
        )
    )


class Acgan(Penalty):
    """The cross-entropy of the class head, in the steps of both networks."""

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        of_fakes = cross_entropy(inputs.fake_outputs.classes, inputs.labels, reduction="none")
        if inputs.step_of == "generator":
            return of_fakes
        of_real = cross_entropy(inputs.real_outputs.classes, inputs.labels, reduction="none")
        return of_real + of_fakes if self.params.fakes else of_real


class Lecam(Penalty):
    """The LeCam penalty. Its moving averages start at 0 and are divided by their accumulated weight, as in Adam."""

    def __init__(self, params: LecamParams) -> None:
        super().__init__(params)
        for name in ("real", "fake", "gathered"):
            self.register_buffer(name, torch.zeros(()))

    def __call__(self, inputs: PenaltyInputs) -> Tensor:
        real, fake = inputs.real_outputs.logits, inputs.fake_outputs.logits
        with torch.no_grad():
            share = 1 - self.params.decay
            self.real.lerp_(whole_batch(real).mean(), share)
            self.fake.lerp_(whole_batch(fake).mean(), share)
            self.gathered.lerp_(torch.ones_like(self.gathered), share)
            of_real, of_fake = self.real / self.gathered, self.fake / self.gathered
        return (real - of_fake).square() + (fake - of_real).square()
