"""Optimizers, timm's or registered ones, and timm's learning-rate schedules, made from a configuration."""

from __future__ import annotations

import logging
import math
from importlib.util import find_spec
from typing import Any

import torch
from timm.optim import OptimInfo, create_optimizer_v2, get_optimizer_info, list_optimizers
from timm.scheduler import CosineLRScheduler, PolyLRScheduler
from timm.scheduler.scheduler import Scheduler

from ganzoo.config.schema import LoopConfig, OptimizerConfig
from ganzoo.entries import OptimizerEntry
from ganzoo.errors import GanzooError
from ganzoo.utils.keywords import accepted

logger = logging.getLogger(__name__)

Weights = list[torch.nn.Parameter]

MOMENTS = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"}  # of their parameter's shape, or scalars
RATES = ("betas", "weight_decay")  # an optimizer's settings in addition to its learning rate
OWN_RATE = "own_lr"  # key of a parameter group: the learning rate that it was made with
FUSED = ("adam", "adamw")  # timm's optimizers that are made fused; only these of timm's can be captured


def make_optimizer(
    network: torch.nn.Module,
    config: OptimizerConfig,
    entry: OptimizerEntry | None = None,
    *,
    companion: torch.nn.Module | None = None,
    capturable: bool = False,
) -> torch.optim.Optimizer:
    """Return the optimizer of a network and of its companion, if any: the entry's, or timm's of the configured name.

    capturable: whether the optimizer must work in a CUDA graph; of timm's, only the fused ones can. Raises GanzooError
    if the optimizer cannot be made.
    """
    parameters = [p for part in filter(None, (network, companion)) for p in part.parameters() if p.requires_grad]
    made = _registered(parameters, config, entry) if entry else _timm(parameters, config, capturable)
    for number, group in enumerate(made.param_groups):
        if "lr" not in group:
            raise GanzooError(f"optimizer {config.name}: param_groups[{number}] has no 'lr'; give each group one")
        group["lr"] = group[OWN_RATE] = float(group["lr"])  # a number, as schedules and checkpoints set it
    return made


def uses_betas(config: OptimizerConfig, entry: OptimizerEntry | None = None) -> bool:
    """Return whether the optimizer, the entry's or timm's of the configured name, uses the setting ``betas``.

    Raises GanzooError if neither has the name.
    """
    if entry:
        return bool(accepted(entry.load(), ["betas"]))
    known = _known(config)
    return known.has_betas and known.num_betas == 2


def _known(config: OptimizerConfig) -> OptimInfo:
    """Return timm's description of an optimizer. Raises GanzooError if timm has none of this name."""
    name = config.name.removeprefix("lookahead_")
    if name not in list_optimizers():
        raise GanzooError(f"optimizer name {config.name!r}: neither timm nor a plugin has it; timm's are lower-case")
    return get_optimizer_info(name)


def _timm(parameters: Weights, config: OptimizerConfig, capturable: bool) -> torch.optim.Optimizer:
    if config.options:
        raise GanzooError(
            f"optimizer options {config.options}: only registered optimizers have options; leave them out"
        )
    known = _known(config)
    if known.second_order:
        raise GanzooError(f"optimizer name {config.name!r}: it needs second derivatives; choose another")
    options: dict[str, Any] = {"betas": tuple(config.betas)} if uses_betas(config) else {}
    if not options:
        logger.info("optimizer %s does not use the setting betas", config.name)
    if known.name == "kron":
        if find_spec("opt_einsum") is None:
            raise GanzooError(
                f"optimizer name {config.name!r}: it fills the memory without opt_einsum; pip install opt_einsum"
            )
        options["deterministic"] = True  # it draws numbers, and a resumed run must draw the same
    if config.name in FUSED:
        options |= {"fused": True, "capturable": capturable}
    try:
        return create_optimizer_v2(
            parameters, opt=config.name, lr=config.lr, weight_decay=config.weight_decay, **options
        )
    except (ValueError, RuntimeError, TypeError, AssertionError) as error:
        raise GanzooError(f"optimizer name {config.name!r}: {error}") from error


def _registered(parameters: Weights, config: OptimizerConfig, entry: OptimizerEntry) -> torch.optim.Optimizer:
    make = entry.load()
    settings = {"lr": config.lr, "betas": tuple(config.betas), "weight_decay": config.weight_decay}
    if unknown := set(config.options) - set(accepted(make, config.options)):
        raise GanzooError(f"optimizer {entry.name} has no option {', '.join(sorted(unknown))}")
    try:
        made = make(parameters, **{name: settings[name] for name in accepted(make, settings)}, **config.options)
    except (ValueError, RuntimeError, TypeError, AssertionError) as error:
        raise GanzooError(f"optimizer {entry.name}: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(made, torch.optim.Optimizer):
        raise GanzooError(f"optimizer {entry.name} is a {type(made).__name__}, must be a torch.optim.Optimizer")
    return made


class LearningRate:
    """An optimizer's learning rates as tensors: a captured step would keep using a number from capture time.

    A schedule still assigns numbers, which ``hold`` copies into the tensors.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self.optimizer = optimizer
        self.tensors = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        self.hold()

    def hold(self) -> None:
        """Copy the learning rates assigned since into the tensors, and put the tensors back in their place."""
        for group, tensor in zip(self.optimizer.param_groups, self.tensors, strict=True):
            group["lr"] = tensor if group["lr"] is tensor else tensor.fill_(group["lr"])


def state_of(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return an optimizer's state for a checkpoint, its learning rate as a number, so that any device can resume."""
    state = optimizer.state_dict()
    return {**state, "param_groups": [{**group, "lr": float(group["lr"])} for group in state["param_groups"]]}


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any], *, own_rates: bool = False) -> None:
    """Load a state into an optimizer, except for what depends on the device.

    own_rates: keep the optimizer's own moment decays and weight decay too. Raises ValueError if a moment's shape is not
    its parameter's.
    """
    keys = ("capturable", OWN_RATE, *(RATES if own_rates else ()))
    kept = [{key: group[key] for key in keys if key in group} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, kept, strict=True):
        group.update(own)
    for parameter, moments in optimizer.state.items():
        for name in MOMENTS & set(moments):
            if moments[name].ndim and moments[name].shape != parameter.shape:
                found, expected = (tuple(tensor.shape) for tensor in (moments[name], parameter))
                raise ValueError(f"{name} is {found}, its parameter {expected}")
            if moments[name].ndim:  # a fused optimizer walks raw memory, so the layout must be the parameter's
                moments[name] = torch.empty_like(parameter, dtype=moments[name].dtype).copy_(moments[name])


def scale_learning_rates(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set each learning rate to a share of the one it was made with, also for a schedule that is made after this."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = group[OWN_RATE] * share


def make_scheduler(optimizer: torch.optim.Optimizer, settings: LoopConfig) -> Scheduler | None:
    """Return the schedule, counted in discriminator steps after the hold; None for constant learning rates."""
    steps, hold = steps_and_hold(settings)
    options: dict[str, Any] = {"t_initial": max(1, steps - hold), "lr_min": 0, "t_in_epochs": False}
    if settings.schedule == "cosine":
        return CosineLRScheduler(optimizer, **options)
    if settings.schedule == "linear":
        return PolyLRScheduler(optimizer, power=1.0, **options)
    return None


def steps_and_hold(settings: LoopConfig) -> tuple[int, int]:
    """Return a run's number of discriminator steps, and how many of them keep the full learning rates."""
    steps = math.ceil(settings.images / settings.batch)
    return steps, round(settings.hold * steps)
