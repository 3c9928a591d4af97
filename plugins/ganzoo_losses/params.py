"""Parameters of the losses and penalties."""

from __future__ import annotations

from dataclasses import dataclass

from ganzoo import PenaltyParams
from ganzoo.entries import above_zero, at_least, finite, param

BASES = ("hinge", "non-saturating", "minimax", "lsgan")


def _share(params: object, *names: str) -> None:
    """Raise ValueError unless these fields are at least 0 and below 1."""
    for name in names:
        value = getattr(params, name)
        if not 0 <= value < 1:
            raise ValueError(f"{name} is {value}, must be 0 or more and below 1")


@dataclass
class WGANParams:
    clip: float = param(0.01, "each weight of the critic is clipped to [-clip, clip]")

    def __post_init__(self) -> None:
        above_zero(self, "clip")


@dataclass
class TopKParams:
    base: str = param("hinge", f"the game: {', '.join(BASES)}")
    nu: float = param(0.5, "share of the fakes from which the generator still learns at the end of the run")

    def __post_init__(self) -> None:
        if self.base not in BASES:
            raise ValueError(f"base is {self.base!r}, must be one of {', '.join(BASES)}")
        if not 0 < self.nu <= 1:
            raise ValueError(f"nu is {self.nu}, must be above 0 and at most 1")


@dataclass
class GPParams(PenaltyParams):
    weight: float = param(10.0, "lambda, 10 throughout the paper")


@dataclass
class DRAGANParams(PenaltyParams):
    weight: float = param(10.0, "lambda, 10 in the paper")
    noise: float = param(0.5, "deviation of the noise around real images, as a share of the images' own")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "noise")
        finite(self, "noise")


@dataclass
class R1R2Params(PenaltyParams):
    # The paper's 10 is for images of 128 pixels and more. If every pixel changes by the same amount, the squared
    # length of that change grows with the number of pixels, so small images need a smaller gamma.
    weight: float = param(1.0, "gamma; the paper takes 10 at 128 pixels and more, less for small images")


@dataclass
class LeCamParams(PenaltyParams):
    weight: float = param(0.3, "lambda; 0.3 in StudioGAN for CIFAR-10, less for larger logits")
    decay: float = param(0.99, "share of the moving averages that each step keeps (with loop.accumulate, each part)")

    def __post_init__(self) -> None:
        super().__post_init__()
        _share(self, "decay")


@dataclass
class ConsistencyParams(PenaltyParams):
    weight: float = param(10.0, "lambda, 10 in both papers")
    shift: int = param(4, "largest shift of an image in pixels; 4 for CIFAR-10's 32 pixels")

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "shift")


@dataclass
class ACGANParams(PenaltyParams):
    weight: float = param(1.0, "factor of the cross-entropy, 1 in the paper")


@dataclass
class ReACGANParams(PenaltyParams):
    weight: float = param(0.5, "lambda; 0.5 in the authors' code for CIFAR-10")
    temperature: float = param(0.5, "tau: the smaller, the more the hardest samples count")
    margin_positive: float = param(0.98, "m_p: similarity to the proxy at which a sample is no longer pulled")
    margin_negative: float = param(0.02, "m_n: similarity to another class's sample below which it is not pushed")

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "temperature")
        for name in ("margin_positive", "margin_negative"):
            if not -1 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be from -1 to 1")


@dataclass
class PathLengthParams(PenaltyParams):
    weight: float = param(2.0, "gamma_pl, 2 in the authors' code")
    interval: int = param(4, "apply at every N-th step with N times the weight (lazy regularisation); 4 in the paper")
    decay: float = param(0.99, "share of the moving average of the lengths that each call keeps")

    def __post_init__(self) -> None:
        super().__post_init__()
        _share(self, "decay")
