"""Training that goes wrong, seen in what one log interval says. No value is read in between.

not finite      a loss, penalty or gradient that was NaN or infinite in any step
exploding       a gradient's mean norm beyond all measure: Adam does not mind its scale, so the limits are far out
dead            a discriminator that says the same of every image, or a network whose gradient is zero
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.config.schema import LoopConfig

MEMORY = 16  # log intervals that tell what is usual
USUAL = 3  # and so many of them there must be
MANY, TOO_MANY = 1e3, 1e9  # times what is usual; whatever is usual
LARGE = 1e4  # a gradient below this never exploded, however small it was before


DEAD_GENERATOR = (
    "no gradient reaches the generator, so it no longer learns; try a lower "
    "optimizer.discriminator.lr, a penalty on the discriminator or another loss"
)


def untried(settings: LoopConfig) -> str:
    """Advise what may keep training from going wrong and is not set yet."""
    remedies = {
        "a lower optimizer.*.lr": True,
        "loop.clip_grad=1": settings.clip_grad is None or settings.clip_grad > 1,
        "loop.precision=float32": settings.precision != "float32",
        "loop.on_nan=rollback": settings.on_nan == "stop",
    }
    *most, last = [remedy for remedy, helps in remedies.items() if helps]
    return f"resume with {' or '.join(filter(None, [', '.join(most), last]))}"


class Fault(Exception):
    """Training has gone wrong; ``str(fault)`` says what and where, ``advice`` what to try, "" for the usual."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


class Watch:
    """Judges each log interval by itself and by those before it."""

    def __init__(self, records: Iterable[Mapping[str, Any]] = ()) -> None:
        """``records``: of the log, by which a resumed run judges as an undisturbed one."""
        self._norms: dict[str, deque[float]] = {
            name: deque(maxlen=MEMORY) for name in ("gradient_generator", "gradient_discriminator")
        }
        self._skipped: dict[str, float] = {}
        for record in records:
            self._remember(self._without_skipped(record))

    def judge(self, means: Mapping[str, float], not_finite: Mapping[str, int], step: int) -> None:
        """Raises Fault; ``step``: of the discriminator, reached by now."""
        means = self._without_skipped(means)
        if not_finite:
            part, first = min(not_finite.items(), key=lambda item: item[1])
            raise Fault(f"{part.replace('_', ' ')} is not finite at discriminator step {first}")
        for name, norms in self._norms.items():
            norm = means.get(name, 0.0)
            usual = median(norms) if len(norms) >= USUAL else float("inf")
            if norm > TOO_MANY or (norm > LARGE and norm > MANY * usual):
                network = name.removeprefix("gradient_")
                raise Fault(f"exploding gradient of the {network}, {norm:.2g}, before discriminator step {step}")
        if reason := self._dead(means):
            raise Fault(f"dead discriminator, {reason}, before discriminator step {step}")
        # As above, not in the first interval.
        if means.get("gradient_generator") == 0 and self._norms["gradient_generator"]:
            raise Fault(f"dead generator, its gradient is zero, before discriminator step {step}", DEAD_GENERATOR)
        self._remember(means)

    def _remember(self, means: Mapping[str, float]) -> None:
        for name, norms in self._norms.items():
            if name in means:
                norms.append(means[name])

    def _without_skipped(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out the gradients of a network that has skipped steps in fp16 since the last record.

        A skipped step counts as a gradient of zero, so that their mean tells nothing.
        """
        before = self._skipped
        self._skipped = {name: record.get(name.replace("gradient", "skipped"), 0) for name in self._norms}
        return {key: value for key, value in record.items() if self._skipped.get(key, 0) <= before.get(key, 0)}

    def _dead(self, means: Mapping[str, float]) -> str:
        nothing_reaches_generator = means.get("gradient_generator") == 0
        # Networks may begin with a last layer of zeros: not in the first interval. Logits that differ by less than bf16
        # shows are equal, too, but the generator still learns from them; so it does from a hinge that is satisfied.
        if means.get("ties") == 1 and nothing_reaches_generator and self._norms["gradient_discriminator"]:
            return "its output is the same for every image"
        if means.get("gradient_discriminator") == 0 and (nothing_reaches_generator or 0 < means.get("auc", 1.0) < 1):
            return "its gradient is zero"
        return ""
