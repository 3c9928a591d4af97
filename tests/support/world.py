"""Runs in a world of one process, for the tests of NCCL on a GPU and of gloo on a CPU.

Run as a program, this module is that process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import torch

from ganzoo.distributed import collectives
from ganzoo.testing.devices import COMPARABLE, Job, compare, read_jobs, train, train_on
from ganzoo.training.loop import Loop
from support.loops import check_distance, deterministic, has_gather, with_learning_rates, with_noise, with_tape

RECIPES = {
    "dcgan+wgan-gp": [],
    "stylegan-lite+non-saturating+r1": ["penalties.r1.interval=2"],
    "mlp+non-saturating+r1+ada": ["penalties.r1.interval=2"],
}
SHORT = [*COMPARABLE, "loop.batch=12", "loop.kimg=0.048", "loop.log_kimg=0.012", "loop.snapshot_kimg=0.024"]
TOLERANCE = 1e-4
# Ten steps. The first three of each kind are not captured.
ADAM = [*SHORT, "loop.kimg=0.12", "optimizer.generator.name=adam", "optimizer.discriminator.name=adam"]
CAPTURED, FAULTY, EAGER, TOGETHER, ALONE = "captured", "faulty", ("eager0", "eager1", "eager2"), "together", "alone"


def in_a_process(jobs: Sequence[Job], directory: Path) -> None:
    """Train the jobs in a world of one process, which ``torchrun`` starts."""
    train_on(1, jobs, directory / "jobs.json", [__file__])


def train_all(directory: Path, device: str, together: Callable[[Sequence[Job], Path], None] = in_a_process) -> None:
    """Train each recipe once in a directory of each name above.

    The runs of ``ALONE`` are trained in this process, the others by ``together``, in a world of one process.
    """

    def jobs(name: str, settings: list[str]) -> list[Job]:
        (directory / name).mkdir()
        chosen = [*settings, f"loop.device={device}"]
        return [Job(recipe, [*chosen, *more], str(directory / name / recipe)) for recipe, more in RECIPES.items()]

    shared = jobs(CAPTURED, ADAM)
    if device == "cpu":  # only there does a test look for the fault
        shared += jobs(FAULTY, [*ADAM, "loop.schedule=linear"])
    for name in EAGER:
        shared += jobs(name, [*ADAM, "loop.capture=false"])
    together(shared + jobs(TOGETHER, SHORT), directory)
    train_exactly(jobs(ALONE, SHORT))


def train_exactly(jobs: Iterable[Job]) -> None:
    """Train the jobs one after the other, each with :func:`exact`."""
    for job in jobs:
        with exact(job.recipe):
            train([job])


def check_captured(directory: Path, recipe: str, name: str = CAPTURED) -> None:
    """Raise AssertionError unless captured steps gave the values of eager steps; see ``loops.check_distance``."""

    def apart(one: str, other: str) -> float:
        found = compare(directory / one / recipe, directory / other / recipe)
        return max(found.weights, found.logged)

    spread = max(apart(one, other) for one, other in combinations(EAGER, 2))
    check_distance(min(apart(one, name) for one in EAGER), spread)


@contextmanager
def exact(recipe: str) -> Iterator[None]:
    """Use deterministic algorithms, and float32 instead of TF32 in convolutions."""
    cudnn = torch.backends.cudnn
    before, cudnn.allow_tf32 = cudnn.allow_tf32, False
    try:
        with deterministic(recipe):
            yield
    finally:
        cudnn.allow_tf32 = before


def train_as_named(loop: Loop, whole=Loop.train) -> None:
    """Run ``Loop.train`` with captured, faulty or eager steps, depending on the name of the run's parent directory."""
    name = loop.directory.path.parent.name
    captured = name in (CAPTURED, FAULTY)
    if captured and loop.device.type == "cpu":
        with_tape(loop)
    elif name in EAGER:
        with_learning_rates(loop)
        if has_gather(str(loop.config.recipe)):
            with_noise(loop, seed=EAGER.index(name))
    if name == FAULTY:
        loop.state.learning_rates = []  # so replayed steps keep using the first learning rate
    whole(loop)
    assert bool(loop.steps._replays) == captured


if __name__ == "__main__":
    Loop.train = train_as_named  # type: ignore[method-assign]
    with collectives.joined():
        train_exactly(read_jobs(Path(sys.argv[1])))
