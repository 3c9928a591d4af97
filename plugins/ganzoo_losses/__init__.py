"""Registers losses (`minimax`, `non-saturating`, `wgan-gp`, `wgan`, `lsgan`, `hinge`, `relativistic`, `top-k`) and
penalties on the discriminator (`gp`, `dragan`, `r1`, `r2`, `lecam`, `cr`, `bcr`), on the generator (`path-length`) and
on both (`acgan`, `reacgan`)."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import LossEntry, PenaltyEntry, hookimpl
from ganzoo_losses.loss_entries import LOSSES
from ganzoo_losses.penalty_entries import PENALTIES


@hookimpl
def register_losses(register: Callable[[LossEntry], None]) -> None:
    for entry in LOSSES:
        register(entry)


@hookimpl
def register_penalties(register: Callable[[PenaltyEntry], None]) -> None:
    for entry in PENALTIES:
        register(entry)
