"""Training loops that tests drive step by step, and the comparison of replayed steps with eager ones."""

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
MARGIN = 10  # times the distance between eager runs
ROUNDING = 1e-7
FLOOR = 1e-3  # a tensor whose largest number is below counts as one of this size


def build_loop(registry: Registry, directory: Path, recipe: str, settings: Sequence[str]) -> Loop:
    """A loop on 8x8 images that calls no hooks and takes no scores."""
    config = resolve(registry, recipe, None, settings)
    device = torch.device(config.values.loop.device)
    images = open_images(registry, config.values.data.name, split="train", size=8)
    feed = Feed(images, config.values.loop.batch, 0, device, mirror=True)
    run_dir = RunDir.create(directory, recipe, config.to_yaml())
    return Loop(config, build_model(config, images.spec), feed, run_dir, device)


def with_learning_rates(loop: Loop) -> Loop:
    """Hold the learning rates in tensors, as captured steps do: float32 rounds them."""
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
    """Change each logit by a rounding error, as sums do that come in another order in each run."""
    noise = torch.Generator(loop.device).manual_seed(seed)

    def add(module: torch.nn.Module, given: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits * (1 + ROUNDING * torch.randn(logits.shape, generator=noise, device=logits.device))

    loop.model.discriminator.register_forward_hook(add)
    return loop


def values(loop: Loop, steps: int) -> Values:
    """All weights, buffers and logged means after some more steps."""
    for _ in range(steps):
        loop.iteration()
    found = {
        f"{name}.{key}": value.clone()
        for name, module in loop.state.modules.items()
        for key, value in module.state_dict().items()
    }
    return found | {name: torch.tensor(mean) for name, mean in loop.statistics.read()[0].items()}


def has_gather(recipe: str) -> bool:
    """Whether a recipe uses ``gather``, whose gradient is summed by atomic adds on CUDA.

    Its deterministic form copies from the host, which cannot be captured.
    """
    return "+ada" in recipe


@contextmanager
def deterministic(recipe: str = "") -> Iterator[None]:
    """Use algorithms that give the same sums each time, but for ``gather``; another operator that has none warns.

    On CUDA, cuBLAS needs ``CUBLAS_WORKSPACE_CONFIG`` too, which conftest.py sets.
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
    """The largest distance of two tensors of one name, as a share of the tensor's largest number."""
    assert one.keys() == other.keys()
    pairs = [(value.double(), other[name].double()) for name, value in one.items()]
    found = torch.stack([(a - b).abs().max() / a.abs().max().clamp(min=FLOOR) for a, b in pairs])
    assert found.isfinite().all()
    return float(found.max())


def check_replayed(replayed: Values, eager: Sequence[Values]) -> None:
    """Raise AssertionError unless replayed steps computed what eager ones did; see :func:`check_distance`."""
    spread = max(apart(one, other) for one, other in combinations(eager, 2))
    check_distance(min(apart(replayed, one) for one in eager), spread)


def check_distance(found: float, spread: float) -> None:
    """Raise AssertionError where a replayed run is too far from the nearest eager one, given how far those are apart.

    Where the eager runs agree to the bit, so must the replayed one. Where they do not, because of :func:`with_noise` or
    an operator without a deterministic form, it may be ``MARGIN`` times as far from them as they are from each other.
    """
    assert MARGIN * spread < 1, f"eager runs are {spread:.1e} apart, which says nothing of a replayed one"
    assert found <= MARGIN * spread, f"replayed and eager steps are {found:.1e} apart, eager runs {spread:.1e}"
