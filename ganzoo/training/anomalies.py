"""Detection of training that goes wrong, from the record of each log interval. No value is read in between.

not finite      a loss, penalty or gradient was NaN or infinite in any step
exploding       a gradient's mean norm is extremely large; the limits are high, since its scale does not matter to Adam
dead            a discriminator gives every image the same logit, or a network's gradient is zero
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.config.schema import LoopConfig

MEMORY = 16  # recent log intervals whose median norm is the usual one
USUAL = 3  # intervals needed before there is a usual norm
MANY, TOO_MANY = 1e3, 1e9  # limits of a norm: relative to the usual one, absolute
LARGE = 1e4  # a gradient below this is never exploding, however small it was before


DEAD_GENERATOR = (
    "no gradient reaches the generator, so it no longer learns; try a lower "
    "optimizer.discriminator.lr, a penalty on the discriminator or another loss"
)


def untried(settings: LoopConfig) -> str:
    """Return advice: the settings that may keep training from going wrong and are not set yet."""
    remedies = {
        "a lower optimizer.*.lr": True,
        "loop.clip_grad=1": settings.clip_grad is None or settings.clip_grad > 1,
        "loop.precision=float32": settings.precision != "float32",
        "loop.on_nan=rollback": settings.on_nan == "stop",
    }
    *most, last = [remedy for remedy, helps in remedies.items() if helps]
    return f"resume with {' or '.join(filter(None, [', '.join(most), last]))}"


class Fault(Exception):
    """A failure of training. ``str(fault)``: what happened and where. ``advice``: what to try; "" for the usual."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


class Watch:
    """The check of each log interval, by itself and against the intervals before it."""

    def __init__(self, records: Iterable[Mapping[str, Any]] = (), clipped: bool = False) -> None:
        """``records``: the log so far, so that a resumed run judges as an uninterrupted one. ``clipped``: the run clips
        gradients. The log has their norms before clipping, so a large norm is then no fault."""
        self._clipped = clipped
        self._norms: dict[str, deque[float]] = {
            name: deque(maxlen=MEMORY) for name in ("gradient_generator", "gradient_discriminator")
        }
        self._skipped: dict[str, float] = {}
        for record in records:
            self._remember(self._without_skipped(record))

    def judge(self, means: Mapping[str, float], not_finite: Mapping[str, int], step: int) -> None:
        """Raise Fault if training has gone wrong. ``step``: the discriminator step reached by now."""
        means = self._without_skipped(means)
        if not_finite:
            part, first = min(not_finite.items(), key=lambda item: item[1])
            raise Fault(f"{part.replace('_', ' ')} is not finite at discriminator step {first}")
        for name, norms in self._norms.items():
            norm = means.get(name, 0.0)
            usual = median(norms) if len(norms) >= USUAL else float("inf")
            if not self._clipped and (norm > TOO_MANY or (norm > LARGE and norm > MANY * usual)):
                network = name.removeprefix("gradient_")
                raise Fault(f"exploding gradient of the {network}, {norm:.2g}, before discriminator step {step}")
        if reason := self._dead(means):
            raise Fault(f"dead discriminator, {reason}, before discriminator step {step}")
        # Not in the first interval, as in _dead.
        if means.get("gradient_generator") == 0 and self._norms["gradient_generator"]:
            raise Fault(f"dead generator, its gradient is zero, before discriminator step {step}", DEAD_GENERATOR)
        self._remember(means)

    def _remember(self, means: Mapping[str, float]) -> None:
        for name, norms in self._norms.items():
            if name in means:
                norms.append(means[name])

    def _without_skipped(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out the gradients of a network that has skipped steps in fp16 since the last record.

        A skipped step counts as a gradient of zero, so the mean is meaningless.
        """
        before = self._skipped
        self._skipped = {name: record.get(name.replace("gradient", "skipped"), 0) for name in self._norms}
        return {key: value for key, value in record.items() if self._skipped.get(key, 0) <= before.get(key, 0)}

    def _dead(self, means: Mapping[str, float]) -> str:
        nothing_reaches_generator = means.get("gradient_generator") == 0
        # Not in the first interval: a network may begin with a last layer of zeros. Logits that differ by less than the
        # precision of bf16 are ties too, but the generator still learns from them, as it does from a satisfied hinge.
        if means.get("ties") == 1 and nothing_reaches_generator and self._norms["gradient_discriminator"]:
            return "its output is the same for every image"
        if means.get("gradient_discriminator") == 0 and (nothing_reaches_generator or 0 < means.get("auc", 1.0) < 1):
            return "its gradient is zero"
        return ""
