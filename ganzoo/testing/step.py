"""What every step (another order of updates, or a game with more networks) must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.entries import ImageSpec, StepEntry
from ganzoo.testing.loss_inputs import CLASS_COUNT
from ganzoo.testing.modes import Modes
from ganzoo.testing.placing import one_device
from ganzoo.testing.probe import global_state_watched, weights_of
from ganzoo.testing.resuming import resumes
from ganzoo.testing.rig import Rig
from ganzoo.testing.sharing import devices
from ganzoo.testing.stand_in_parts import CLASSES
from ganzoo.testing.stand_ins import AUGMENTATION, CONDITIONAL, NAME, PENALTIES
from ganzoo.testing.training import Trained, trains
from ganzoo.testing.training import capture_safe as replayed
from ganzoo.testing.verdict import Skipped, expect
from ganzoo.training.loop import Loop
from ganzoo.training.step import TrainingStep

SIDES = ("discriminator", "generator")
UPDATES = ((), ("loop.fresh_fakes=true", "loop.discriminator_steps=2"))  # update_both, and the two separate updates


class StepPart(Trained):
    """A step with its default parameters, and stand-in networks with the heads and labels that it needs."""

    def __init__(self, entry: StepEntry, rig: Rig) -> None:
        self.entry = entry
        labelled = entry.needs.labels or CLASSES in entry.needs.outputs
        recipe = f"{CONDITIONAL if labelled else NAME}+{NAME}+{entry.name}"
        image = ImageSpec(1, 8, classes=CLASS_COUNT if labelled else 0)
        super().__init__(rig, recipe, image, prefixes=("step.",))


def networks_of(loop: Loop) -> dict[str, nn.Module]:
    """Return all networks of the game by the names that messages use."""
    companions = {f"{side}'s companion": network for side, network in loop.model.companions.items()}
    return {"generator": loop.model.generator, "discriminator": loop.model.discriminator, **companions}


def interface(part: StepPart) -> None:
    """Check that the class follows its interface, and that `networks` gives at most one further module per side."""
    cls = part.entry.load()
    known = isinstance(cls, type) and issubclass(cls, TrainingStep)
    expect(known, f"{part.entry.target} is not a ganzoo.training.step.TrainingStep")
    model = part.loop().model
    found = cls.networks(model.generator, model.discriminator, part.config.values.step)
    expect(
        isinstance(found, Mapping), f"networks() returns a {type(found).__name__}, expected a dict of modules by side"
    )
    for side, network in found.items():
        expect(side in SIDES, f"networks() names the side {side!r}, must be one of {' and '.join(SIDES)}")
        expect(isinstance(network, nn.Module), f"networks()[{side!r}] is a {type(network).__name__}, expected a module")


def updates(part: StepPart) -> None:
    """Check that one iteration changes the weights of every network of the game."""
    loop = part.loop()
    before = {name: weights_of(network) for name, network in networks_of(loop).items()}
    loop.iteration()
    for name, network in networks_of(loop).items():
        expect(
            not torch.equal(weights_of(network), before[name]),
            f"an iteration leaves the weights of the {name} as they were; pass its gradients to the side's optimizer",
        )


def penalties(part: StepPart) -> None:
    """Check that a penalty of the recipe changes the weights of its network, in common and in separate updates."""
    for settings, side in product(UPDATES, PENALTIES):
        loops = part.loop(*settings), part.loop(*settings, extra=PENALTIES[side])
        for loop in loops:
            loop.iteration()
        expect(
            not torch.equal(*(weights_of(networks_of(loop)[side]) for loop in loops)),
            f"a penalty on the {side} has no effect on its weights{_with(settings)}; add the penalties with "
            "self.penalised()",
        )


def augmentation(part: StepPart) -> None:
    """Check that the discriminator judges only augmented images, if the recipe has an augmentation."""
    for settings in UPDATES:
        loop, untouched = part.loop(*settings, extra=AUGMENTATION), list[bool]()

        def look(module: nn.Module, given: tuple[Tensor, ...], named: dict[str, Any]) -> None:
            images = given[0] if given else named["images"]
            untouched.append(bool(images.any()))  # noqa: B023, called in this turn alone

        loop.model.discriminator.register_forward_pre_hook(look, with_kwargs=True)
        loop.iteration()
        expect(
            not any(untouched),
            f"the discriminator judges images without the recipe's augmentation{_with(settings)}; judge all images "
            "with self.discriminator, and pass it self.rng",
        )


def _with(settings: Sequence[str]) -> str:
    return f" with {' '.join(settings)}" if settings else ""


def networks_left_alone(part: StepPart) -> None:
    """Check that an iteration leaves all networks in training mode, and the generator's requires_grad as it was.

    The generator's companion must keep its requires_grad too. That of the discriminator's side is not compared.
    """
    loop = part.loop()
    networks = networks_of(loop)
    modes = {name: Modes(network) for name, network in networks.items() if not name.startswith("discriminator")}
    loop.iteration()
    for name, mode in modes.items():
        changed = mode.changed()
        expect(not changed, f"the step leaves the {name} {changed}; put it back")
    for name, network in networks.items():
        training = all(module.training for module in network.modules())
        expect(training, f"the step leaves the {name} in evaluation mode; put it back")


def determinism(part: StepPart) -> None:
    """Check that two loops with the same seed train the same weights."""
    loops = [part.loop() for _ in range(2)]
    for loop in loops:
        for _ in range(2):
            loop.iteration()
    for name, network in networks_of(loops[0]).items():
        same = torch.equal(weights_of(network), weights_of(networks_of(loops[1])[name]))
        expect(same, f"two runs of one seed train other weights of the {name}; draw from self.rng alone")


def global_random_state(part: StepPart) -> None:
    """Check that the step does not draw from, or seed, a global random state."""
    loop = part.loop()
    with global_state_watched("the step"):
        loop.iteration()


def capture_safe(part: StepPart) -> None:
    """Check that a step reads no value back to the host, and that its replay gives the weights of an eager step."""
    if not part.entry.captured:
        raise Skipped("its entry says captured=False, so it runs eagerly")
    replayed(part)


CHECKS = (
    interface,
    updates,
    penalties,
    augmentation,
    networks_left_alone,
    determinism,
    global_random_state,
    resumes,
    devices,
    one_device,
    capture_safe,
    trains,
)
