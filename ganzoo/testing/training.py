"""The checks that every part of a training step shares: fifty steps of it, and whether a GPU could replay them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from ganzoo.testing.probe import place_of, told
from ganzoo.testing.tape import MESSAGE, Tape
from ganzoo.testing.verdict import Failure, expect
from ganzoo.training.cuda_graph import WARM_UP, Steps
from ganzoo.training.loop import Loop
from ganzoo.training.optim import LearningRate

STEPS = 50
REPLAYS = 3


class Trainable(Protocol):
    """What is checked: it builds a loop that its part takes part in."""

    def loop(self) -> Loop: ...


def trains(part: Trainable) -> None:
    """50 steps of each network leave losses, gradients and weights finite."""
    loop = part.loop()
    while loop.counters.steps_g < STEPS:
        loop.iteration()
    _, not_finite = loop.statistics.read()
    for name, step in sorted(not_finite.items(), key=lambda item: item[1]):
        raise Failure(f"{name.replace('_', ' ')} is not finite at step {step} of {loop.config.recipe} on discs")
    for network in (loop.model.generator, loop.model.discriminator):
        for name, value in network.state_dict().items():
            expect(value.isfinite().all(), f"{name} is not finite after {STEPS} steps of {loop.config.recipe}")


def capture_safe(part: Trainable) -> None:
    """A step reads no value back to the host, and recorded once and replayed it gives the weights of an eager one."""
    eager, taped = part.loop(), part.loop()
    for loop in (eager, taped):
        state = loop.state
        state.learning_rates = [
            LearningRate(optimizer, loop.device) for optimizer in (state.optimizer_d, state.optimizer_g)
        ]
    recorder = _Recorder(Tape([taped.state.rng]))
    taped.steps = Steps(recorder)
    for _ in range(WARM_UP + 1 + REPLAYS):
        eager.iteration()
        taped.iteration()
        expect(not recorder.problem, recorder.problem)
    for before, after in zip(_values(eager), _values(taped), strict=True):
        expect(
            torch.equal(before, after),
            "replayed steps give other weights than steps from Python; keep what changes from step to step in a tensor "
            "that stays where it is (a buffer), not in Python",
        )


class _Recorder:
    """A capture that remembers in one line why it failed, and where."""

    def __init__(self, tape: Tape) -> None:
        self.tape, self.problem = tape, ""

    def forget(self) -> None:
        self.tape.forget()

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        try:
            return self.tape(work)
        except Exception as error:
            if MESSAGE in str(error):
                self.problem = f"{MESSAGE}{place_of(error)}; stay on the device, with torch.where instead of if"
            else:
                self.problem = f"a step cannot be recorded: {told(error)}"
            raise


def _values(loop: Loop) -> list[torch.Tensor]:
    networks = (loop.model.generator, loop.model.discriminator, loop.state.ema.module)
    return [value for network in networks for value in network.state_dict().values()]
