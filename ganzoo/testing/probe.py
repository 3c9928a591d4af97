"""What the checks share: seeds, images, a watch on the global random states, and the places of errors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.drawing import seeded
from ganzoo.entries import ImageSpec
from ganzoo.testing.verdict import Failure, expect
from ganzoo.utils.places import place_of

UNUSUAL = 7_654_321  # a seed that no plugin sets, so that a change of seed is noticed


def labels_for(image: ImageSpec, count: int) -> Tensor | None:
    """Return labels that cycle through the classes, int64 ``(count,)``; None without classes."""
    return torch.arange(count) % image.classes if image.classes else None


def random_images(image: ImageSpec, count: int, seed: int = 0) -> Tensor:
    """Return uniform noise ``(count, C, size, size)`` in [-1, 1]."""
    return torch.rand(count, image.channels, image.size, image.size, generator=seeded(seed)) * 2 - 1


def weights_of(network: nn.Module) -> Tensor:
    """Return all parameters and buffers in one vector."""
    values = [value.detach().double().flatten() for value in network.state_dict().values()]
    return torch.cat(values) if values else torch.zeros(0)


def copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies that share no memory, as safetensors requires."""
    return {name: value.detach().contiguous().clone() for name, value in state.items()}


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seed every global random state, and restore them afterwards."""
    states = _states()
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  a plugin might use this global state
    try:
        yield
    finally:
        for _, restore in states.values():
            restore()


@contextmanager
def global_state_watched(what: str, *, but: str = "") -> Iterator[None]:
    """Raise Failure if a global random state changes in the block; ``but`` names one that may change."""
    with global_seed(UNUSUAL):
        before = {name: state for name, (state, _) in _states().items()}
        yield
        for name, (state, _) in _states().items():
            if name != but:
                expect(
                    state == before[name],
                    f"{what} changes the global random state of {name}; draw from the rng it is given and set no seed",
                )


def _states() -> dict[str, tuple[Any, Callable[[], None]]]:
    """Return each library's random state in comparable form, with a function that restores it."""
    of_torch, of_python = torch.get_rng_state(), random.getstate()
    of_numpy: Any = np.random.get_state()  # noqa: NPY002
    return {
        "torch": (of_torch.numpy().tobytes(), lambda: torch.set_rng_state(of_torch)),
        "Python's random": (of_python, lambda: random.setstate(of_python)),
        "NumPy": ((of_numpy[1].tobytes(), *of_numpy[2:]), lambda: np.random.set_state(of_numpy)),  # noqa: NPY002
    }


def told(error: BaseException) -> str:
    """Return an error as one line, with its place."""
    if isinstance(error, Failure):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{f': {text}' if text else ''}{place_of(error)}"
