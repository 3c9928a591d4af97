"""timm's optimizers and learning-rate schedules, as a configuration asks for them."""

from __future__ import annotations

import math
from typing import Any

import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler, PolyLRScheduler
from timm.scheduler.scheduler import Scheduler

from ganzoo.config import LoopConfig, OptimizerConfig
from ganzoo.errors import GanzooError


def make_optimizer(network: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """timm's optimizer of that name; the fused kind where it has one."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    options: dict[str, Any] = {"betas": tuple(config.betas)} if "adam" in config.name else {}
    if config.name in ("adam", "adamw"):
        options["fused"] = True
    try:
        return create_optimizer_v2(
            parameters, opt=config.name, lr=config.lr, weight_decay=config.weight_decay, **options
        )
    except (ValueError, RuntimeError, TypeError, AssertionError) as error:
        raise GanzooError(f"optimizer name {config.name!r}: {error}") from error


def make_scheduler(optimizer: torch.optim.Optimizer, settings: LoopConfig) -> Scheduler | None:
    """In steps of the discriminator, None for a constant rate. What timm calls warm-up, from the full rate to the full
    rate, holds."""
    steps = math.ceil(math.ceil(settings.kimg * 1000) / settings.batch)
    hold = round(settings.hold * steps)
    options: dict[str, Any] = {"t_initial": max(1, steps - hold), "lr_min": 0, "t_in_epochs": False}
    if hold:
        options |= {"warmup_t": hold, "warmup_lr_init": optimizer.param_groups[0]["lr"], "warmup_prefix": True}
    if settings.schedule == "cosine":
        return CosineLRScheduler(optimizer, **options)
    if settings.schedule == "linear":
        return PolyLRScheduler(optimizer, power=1.0, **options)
    return None
