"""What the checks of all parts of a training step share: a loop, fifty steps of training, and a replayed capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from torch import Tensor

from ganzoo.entries import ImageSpec
from ganzoo.testing.probe import told
from ganzoo.testing.rig import Rig
from ganzoo.testing.stand_in_parts import disc_images
from ganzoo.testing.tape import MESSAGE, Tape
from ganzoo.testing.verdict import Failure, expect
from ganzoo.training.cuda_graph import WARM_UP, Steps
from ganzoo.training.loop import Loop
from ganzoo.training.optim import LearningRate
from ganzoo.utils.places import place_of

STEPS = 50
REPLAYS = 3


class Trainable(Protocol):
    """A part under check that can build a training loop that uses it."""

    def loop(self, *settings: str) -> Loop: ...


class Trained:
    """A part in a recipe of stand-ins, with the user's settings for it.

    own: the check's settings, which come last. prefixes: the prefixes of the keys that the user may set.
    """

    def __init__(
        self, rig: Rig, recipe: str, image: ImageSpec, *, own: Iterable[str] = (), prefixes: tuple[str, ...] = ()
    ) -> None:
        self.rig, self.recipe, self.image = rig, recipe, image
        self.settings = (*(text for text in rig.settings if text.startswith(prefixes)), *own)
        self.config = rig.config(recipe, *self.settings)

    def loop(self, *settings: str, extra: str = "") -> Loop:
        """Return a loop that trains on discs, with further ``settings``, and with the part ``extra`` in its recipe."""
        recipe = f"{self.recipe}+{extra}" if extra else self.recipe
        config = self.rig.config(recipe, *self.settings, *settings) if settings or extra else self.config
        return self.rig.loop(config, disc_images(self.image))


def trains(part: Trainable) -> None:
    """Check that losses, gradients and weights stay finite for 50 generator steps."""
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
    """Check that a step reads no value back to the host, and that its replay gives the weights of an eager step."""
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
            same(before, after),
            "replayed steps give other weights than steps from Python; keep what changes from step to step in a tensor "
            "that stays where it is (a buffer), not in Python",
        )


class _Recorder:
    """A capture that keeps the reason and place of its failure, in one line."""

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


def same(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have equal shapes and values; NaN equals NaN."""
    return one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())


def _values(loop: Loop) -> list[Tensor]:
    networks = (loop.model.generator, loop.model.discriminator, loop.state.ema.module)
    return [value for network in networks for value in network.state_dict().values()]
