"""The broken plugins of ``breaking.md`` that would train, but incorrectly."""

from __future__ import annotations

from broken_plugins import ARCHITECTURE, CRITIC, LOSS, SMALL, Way, networks

PENALTY = """\
from ganzoo import PenaltyEntry, hookimpl


@hookimpl
def register_penalties(register):
    register(PenaltyEntry(name="broken", summary="A penalty", formula="...", target="ganzoo_broken.penalty:Broken"))
"""
STEP = """\
from ganzoo import StepEntry, hookimpl


@hookimpl
def register_steps(register):
    register(StepEntry(name="broken", summary="A step", target="ganzoo_broken.step:Broken"))
"""
OPTIMIZER = """\
from ganzoo import OptimizerEntry, hookimpl


@hookimpl
def register_optimizers(register):
    register(OptimizerEntry(name="broken", summary="An optimizer", target="ganzoo_broken.optimizer:Broken"))
"""


def penalty(*lines: str, base: str = "", imports: str = "") -> str:
    """Return the source of a penalty on the squared gradient at real images.

    lines: statements before the gradient is computed. base: class members. imports: further names to import.
    """
    body = "".join(f"        {line}\n" for line in lines)
    return f"""\
import torch

from ganzoo.interfaces import Penalty{imports}


class Broken(Penalty):
{base}    def __call__(self, inputs):
        at = inputs.real.detach().requires_grad_(True)
{body}        logits = inputs.discriminator(at, inputs.labels, rng=inputs.rng)
        (slope,) = torch.autograd.grad(logits.sum(), at, create_graph=True)
        return slope.square().flatten(1).sum(1)
"""


REMEMBERS = """\
import torch
from torch.nn.functional import softplus

from ganzoo.interfaces import Loss, whole_batch


class Broken(Loss):
    def __init__(self, params):
        super().__init__(params)
        self.average = torch.zeros(())

    def discriminator(self, *, d_real, d_fake):
        self.average.lerp_(whole_batch(d_real.detach()).mean(), 0.1)
        return softplus(-d_real).mean() + softplus(d_fake - self.average).mean()

    def generator(self, *, d_real, d_fake):
        return softplus(-d_fake).mean()
"""
OUTPUTS = """\

    def outputs(self, images, labels=None, *, rng=None):
        return DiscriminatorOutputs(self(images), features={"layer": self.body(images)})
"""
IDLE = """\
from ganzoo.training.step import TrainingStep


class Broken(TrainingStep):
    def update_both(self, real, labels, of_discriminator, of_generator):
        self.update_discriminator(real, labels, of_discriminator)
"""
FORGETFUL = """\
import torch


class Broken(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.means = {}

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.means[weight] = 0.9 * self.means.get(weight, 0) + weight.grad
                    weight -= group["lr"] * self.means[weight]
"""


WAYS = (
    Way(
        "Written inputs",
        {
            "__init__.py": LOSS,
            "loss.py": CRITIC.replace(
                "        return d_fake.mean() -", "        d_real.data.clamp_(-1, 1)\n        return d_fake.mean() -"
            ),
        },
        shown="loss.py",
        checks=("inputs_left_alone",),
    ),
    Way(
        "Written latents",
        {"__init__.py": ARCHITECTURE, "networks.py": networks("        latents.data.clamp_(-1, 1)\n")},
        shown="networks.py",
        checks=("inputs_left_alone",),
    ),
    Way(
        "Ignored labels",
        {"__init__.py": ARCHITECTURE, "networks.py": networks(fact="    conditional = True\n")},
        shown="networks.py",
        checks=("labels",),
    ),
    Way(
        "Labels not passed on",
        {"__init__.py": PENALTY, "penalty.py": penalty().replace("(at, inputs.labels, rng", "(at, rng")},
        shown="penalty.py",
        checks=("labels",),
    ),
    Way(
        "Evaluation mode",
        {"__init__.py": PENALTY, "penalty.py": penalty("inputs.discriminator.eval()")},
        shown="penalty.py",
        checks=("networks_left_alone",),
    ),
    Way(
        "Mean taken too early",
        {"__init__.py": PENALTY, "penalty.py": penalty().replace("sum(1)\n", "sum(1).mean()\n")},
        shown="penalty.py",
        commands=(f"run mlp+minimax+broken {' '.join(SMALL)} --out RUN",),
        checks=("shapes",),
    ),
    Way(
        "Own noise",
        {
            "__init__.py": PENALTY,
            "penalty.py": penalty(
                "at = (at + torch.randn(at.shape, generator=inputs.rng)).detach().requires_grad_(True)"
            ),
        },
        shown="penalty.py",
        checks=("devices",),
    ),
    Way(
        "Sum over the batch",
        {"__init__.py": LOSS, "loss.py": CRITIC.replace("mean()", "sum()")},
        shown="loss.py",
        checks=("averaged",),
    ),
    Way(
        "State outside buffers",
        {"__init__.py": LOSS, "loss.py": REMEMBERS},
        shown="loss.py",
        checks=("resumes",),
    ),
    Way(
        "Missing head",
        {
            "__init__.py": ARCHITECTURE,
            "networks.py": networks().replace(
                "Discriminator, Generator", "Discriminator, DiscriminatorOutputs, Generator"
            )
            + OUTPUTS,
        },
        shown="networks.py",
        commands=("run dcgan/broken+minimax+acgan generator.conditional=true --dry-run",),
        checks=("outputs",),
    ),
    Way(
        "Idle step",
        {"__init__.py": STEP, "step.py": IDLE},
        shown="step.py",
        checks=("updates",),
    ),
    Way(
        "Forgetful optimizer",
        {"__init__.py": OPTIMIZER, "optimizer.py": FORGETFUL},
        shown="optimizer.py",
        checks=("save_and_load",),
    ),
)
