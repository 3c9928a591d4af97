"""The check that devices sharing a batch train the same weights as one device, simulated in one process."""

from __future__ import annotations

import traceback
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ganzoo.distributed.random import SharedRandom
from ganzoo.testing.ranks import Ranks
from ganzoo.testing.training import Trainable
from ganzoo.testing.verdict import Failure
from ganzoo.training.loop import Loop
from ganzoo.utils.places import is_of_a_plugin, short_path

WORLD, ITERATIONS = 2, 3
# Not Adam: it divides a gradient by its size, which turns the rounding error of a zero gradient into a whole step.
PLAIN = tuple(
    f"optimizer.{side}.{setting}"
    for side in ("generator", "discriminator")
    for setting in ("name=momentum", "lr=0.01", "options={}")
)
# Rounding differences are below the sum of these shares: of how far training moved a tensor, of its largest weight.
OF_MOVED, OF_LARGEST = 0.02, 2e-6
# Some networks amplify rounding. They may differ by MARGIN times the effect of a change of ROUNDING in the weights.
ROUNDING, MARGIN = 1e-7, 10


def devices(part: Trainable) -> None:
    """Check that two devices, each with half of the batch, train the same weights as one, up to rounding."""
    alone = part.loop(*PLAIN)
    begun = _weights(alone)
    _train(alone)
    ranks = Ranks(WORLD)
    with ranks.simulated():
        loops = []
        for rank in range(WORLD):  # one by one: building draws from the global random state
            with ranks.at(rank, waits=False):  # checks of new networks may ask for the whole batch
                loops.append(part.loop(*PLAIN))
        drawn = ranks.run(lambda rank: _watched(loops[rank]))
    for loop in loops:
        if _apart(begun, _weights(alone), _weights(loop)) is None:
            continue
        if (name := _apart(begun, _weights(alone), _weights(loop), _rounded(part))) is None:
            continue
        places = [place for found in drawn for place in found]
        if places:
            raise Failure(
                f"two devices train other weights than one: numbers are drawn from the rng itself{places[0]}; "
                "use draw_normal or draw_uniform, which give each device the numbers of its own samples"
            )
        raise Failure(
            f"two devices train other weights than one ({name}); average over the batch, and compute what mixes its "
            "samples with of_whole_batch or whole_batch"
        )


def _train(loop: Loop) -> None:
    for _ in range(ITERATIONS):
        loop.iteration()


def _rounded(part: Trainable) -> dict[str, Tensor]:
    """Return the weights after training on one device, from weights with a relative change of the size of rounding."""
    loop, rng = part.loop(*PLAIN), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for network in (loop.model.generator, loop.model.discriminator):
            for parameter in network.parameters():
                parameter.mul_(1 + ROUNDING * torch.randn(parameter.shape, generator=rng))
    _train(loop)
    return _weights(loop)


def _watched(loop: Loop) -> list[str]:
    """Train, and return the places that draw directly from the rng."""
    with _Draws() as draws:
        _train(loop)
    return draws.places


class _Draws(TorchFunctionMode):
    """A recorder of the plugins' lines that draw directly from a stream that ranks share."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rng = (kwargs or {}).get("generator")
        if isinstance(rng, SharedRandom) and rng.rows is not None:
            caller = traceback.extract_stack(limit=2)[0]
            if is_of_a_plugin(caller.filename):
                self.places.append(f" at {short_path(caller.filename)}:{caller.lineno}")
        return function(*args, **(kwargs or {}))


def _weights(loop: Loop) -> dict[str, Tensor]:
    return {
        f"{title}.{name}": value.detach().clone()
        for title, module in loop.state.modules.items()
        for name, value in module.state_dict().items()
        if value.is_floating_point()
    }


def _apart(
    begun: dict[str, Tensor],
    alone: dict[str, Tensor],
    shared: dict[str, Tensor],
    rounded: dict[str, Tensor] | None = None,
) -> str | None:
    """Return the name of a tensor in which two runs differ by more than rounding; None if there is no such tensor.

    rounded: the weights of :func:`_rounded`, which show how much the networks amplify rounding.
    """
    allowed = (
        1.0 if rounded is None else max(1.0, MARGIN * max(_distances(begun, alone, rounded).values(), default=0.0))
    )
    return next((name for name, distance in _distances(begun, alone, shared).items() if distance > allowed), None)


def _distances(begun: dict[str, Tensor], one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, float]:
    """Return the distance between two runs in each tensor; rounding mostly gives distances below 1."""
    found = {}
    for name, value in one.items():
        if value.isfinite().all() and value.numel():
            moved, largest = (value - begun[name]).abs().max(), value.abs().max().clamp(min=1)
            found[name] = float((value - other[name]).abs().max() / (OF_MOVED * moved + OF_LARGEST * largest))
    return found


__all__ = ["devices"]
