"""Training loops that tests run step by step, and the comparison of replayed steps with eager steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from ganzoo.config.resolve import resolve
from ganzoo.data.loader import Feed
from ganzoo.models.build import build_model
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.testing.tape import Tape
from ganzoo.training.cuda_graph import Steps
from ganzoo.training.loop import Loop
from ganzoo.training.optim import LearningRate
from support.images import open_images

Values = dict[str, torch.Tensor]
MARGIN = 10  # the allowed distance of a replayed run from an eager run, in distances between eager runs
ROUNDING = 1e-7
FLOOR = 1e-3  # the smallest value that is used as the largest number of a tensor


def build_loop(registry: Registry, directory: Path, recipe: str, settings: Sequence[str]) -> Loop:
    """Build a loop on 8x8 images that calls no hooks and computes no scores."""
    config = resolve(registry, recipe, None, settings)
    device = torch.device(config.values.loop.device)
    images = open_images(registry, config.values.data.name, split="train", size=8)
    feed = Feed(images, config.values.loop.batch, 0, device, mirror=True)
    run_dir = RunDir.create(directory, recipe, config.to_yaml())
    return Loop(config, build_model(config, images.spec), feed, run_dir, device)


def with_learning_rates(loop: Loop) -> Loop:
    """Keep the learning rates in tensors, as captured steps do. This rounds them to float32."""
    state = loop.state
    state.learning_rates = [
        LearningRate(optimizer, loop.device) for optimizer in (state.optimizer_d, state.optimizer_g)
    ]
    return loop


def with_tape(loop: Loop) -> Loop:
    """Replay steps with a stand-in for CUDA graphs."""
    loop.steps = Steps(Tape([loop.state.rng]))
    return with_learning_rates(loop)


def with_noise(loop: Loop, seed: int) -> Loop:
    """Add a random rounding error to each logit, as if sums were computed in a different order in each run."""
    noise = torch.Generator(loop.device).manual_seed(seed)

    def add(module: torch.nn.Module, given: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits * (1 + ROUNDING * torch.randn(logits.shape, generator=noise, device=logits.device))

    loop.model.discriminator.register_forward_hook(add)
    return loop


def values(loop: Loop, steps: int) -> Values:
    """Take ``steps`` more steps. Return all weights, buffers and logged means."""
    for _ in range(steps):
        loop.iteration()
    found = {
        f"{name}.{key}": value.clone()
        for name, module in loop.state.modules.items()
        for key, value in module.state_dict().items()
    }
    return found | {name: torch.tensor(mean) for name, mean in loop.statistics.read()[0].items()}


def has_gather(recipe: str) -> bool:
    """Return whether a recipe uses ``gather``, whose gradient is summed by atomic adds on CUDA.

    Its deterministic form copies from the host, which cannot be captured.
    """
    return "+ada" in recipe


@contextmanager
def deterministic(recipe: str = "") -> Iterator[None]:
    """Use deterministic algorithms, only those of cuDNN if the recipe uses ``gather``. An operator without one warns.

    On CUDA, cuBLAS also needs ``CUBLAS_WORKSPACE_CONFIG``, which conftest.py sets.
    """
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark
    torch.use_deterministic_algorithms(not has_gather(recipe), warn_only=True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        cudnn.deterministic, cudnn.benchmark = before[1:]


def apart(one: Values, other: Values) -> float:
    """Return the largest difference between two tensors of the same name, as a share of the tensor's largest number."""
    assert one.keys() == other.keys()
    pairs = [(value.double(), other[name].double()) for name, value in one.items()]
    found = torch.stack([(a - b).abs().max() / a.abs().max().clamp(min=FLOOR) for a, b in pairs])
    assert found.isfinite().all()
    return float(found.max())


def check_replayed(replayed: Values, eager: Sequence[Values]) -> None:
    """Raise AssertionError unless replayed steps gave the values of eager steps; see :func:`check_distance`."""
    spread = max(apart(one, other) for one, other in combinations(eager, 2))
    check_distance(min(apart(replayed, one) for one in eager), spread)


def check_distance(found: float, spread: float) -> None:
    """Raise AssertionError if a replayed run is too far from the nearest eager run.

    found: the distance to the nearest eager run. spread: the largest distance between two eager runs.
    If the eager runs are equal bit for bit, the replayed run must equal them. If they differ, because of
    :func:`with_noise` or an operator without a deterministic form, ``found`` may be up to ``MARGIN`` times ``spread``.
    """
    assert MARGIN * spread < 1, f"eager runs are {spread:.1e} apart, which says nothing of a replayed one"
    assert found <= MARGIN * spread, f"replayed and eager steps are {found:.1e} apart, eager runs {spread:.1e}"
