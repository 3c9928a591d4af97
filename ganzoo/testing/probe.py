"""What the checks have in common: seeds, images, a watch on the global random states, where an error arose."""

from __future__ import annotations

import os
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import ganzoo
from ganzoo.entries import ImageSpec
from ganzoo.testing.verdict import Failure, expect

# Code that an error passes through, but that no plugin's author has written.
OTHERS = tuple(f"{Path(str(module.__file__)).parent}{os.sep}" for module in (ganzoo, torch, np))
UNUSUAL = 7_654_321  # a seed nobody sets, so that setting one shows


def seeded(seed: int = 0) -> torch.Generator:
    """A source of random numbers of its own."""
    return torch.Generator().manual_seed(seed)


def labels_for(image: ImageSpec, count: int) -> Tensor | None:
    """Every class in turn, int64 ``(count,)``; None where there are none."""
    return torch.arange(count) % image.classes if image.classes else None


def random_images(image: ImageSpec, count: int, seed: int = 0) -> Tensor:
    """Uniform noise ``(count, C, size, size)`` in [-1, 1]."""
    return torch.rand(count, image.channels, image.size, image.size, generator=seeded(seed)) * 2 - 1


def weights_of(network: nn.Module) -> Tensor:
    """All parameters and buffers in one vector."""
    values = [value.detach().double().flatten() for value in network.state_dict().values()]
    return torch.cat(values) if values else torch.zeros(0)


def copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory, as safetensors wants them."""
    return {name: value.detach().contiguous().clone() for name, value in state.items()}


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Every global random state seeded, and put back afterwards."""
    states = _states()
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  it is this very state that a plugin might use
    try:
        yield
    finally:
        for _, restore in states.values():
            restore()


@contextmanager
def global_state_watched(what: str, *, but: str = "") -> Iterator[None]:
    """Raises Failure where a global random state is not what it was; ``but``: one that may change."""
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
    """Of each library its state, fit to be compared, and what puts it back."""
    of_torch, of_python = torch.get_rng_state(), random.getstate()
    of_numpy: Any = np.random.get_state()  # noqa: NPY002
    return {
        "torch": (of_torch.numpy().tobytes(), lambda: torch.set_rng_state(of_torch)),
        "Python's random": (of_python, lambda: random.setstate(of_python)),
        "NumPy": ((of_numpy[1].tobytes(), *of_numpy[2:]), lambda: np.random.set_state(of_numpy)),  # noqa: NPY002
    }


def place_of(error: BaseException) -> str:
    """Where in the plugin's own code an error arose, ``" at package/file.py:12"``, or "" where that is not known."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((*OTHERS, "<")):
            return f" at {short_path(frame.filename)}:{frame.lineno}"
    return ""


def short_path(file: str) -> str:
    """A file with the directory it lies in: enough to find it, the same on every machine."""
    return "/".join(Path(file).parts[-2:])


def told(error: BaseException) -> str:
    """An error as one line, with its place."""
    if isinstance(error, Failure):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{f': {text}' if text else ''}{place_of(error)}"
