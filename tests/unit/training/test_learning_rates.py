"""Learning rates of several groups keep their proportions along schedules, after rollbacks and in resumed runs."""

from __future__ import annotations

import pytest
from support import researcher
from support.loops import build_loop, with_learning_rates

from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry

SETTINGS = ["loop.device=cpu", "loop.batch=10", "loop.kimg=0.1", "metrics.names=[]"]
OWN = ["optimizer.generator.name=two-speeds", "optimizer.generator.lr=0.2"]


@pytest.fixture(scope="module")
def zoo() -> Registry:
    registry = Registry.load(strict=True)
    registry._manager.unregister(name="ganzoo:report")
    registry.add(lambda: researcher, "researcher", "researcher")
    return registry


@pytest.fixture
def make(zoo, tmp_path):
    def made(*settings, name="run"):
        return build_loop(zoo, tmp_path / name, "mlp+hinge", [*SETTINGS, *OWN, *settings])

    return made


def rates(loop) -> list[float]:
    return [float(group["lr"]) for group in loop.state.optimizer_g.param_groups]


def at(loop, images: int) -> list[float]:
    """Return the learning rates after this many images."""
    loop.state.counters.shown = images
    loop.state.update_learning_rates()
    return rates(loop)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("tensors", [False, True])
def test_a_schedule_keeps_the_proportions(make, schedule, tensors):
    loop = make(f"loop.schedule={schedule}", "loop.hold=0.4")
    loop = with_learning_rates(loop) if tensors else loop
    assert at(loop, 0) == at(loop, 40) == pytest.approx([0.2, 0.1])
    assert at(loop, 70) == pytest.approx([0.1, 0.05])
    assert at(loop, 100) == pytest.approx([0, 0])


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_a_rollback_halves_both(make, schedule):
    loop = make(f"loop.schedule={schedule}")
    state = loop.state.state_dict()
    for rollbacks, expected in ((1, [0.1, 0.05]), (2, [0.05, 0.025])):
        loop.state.load_state_dict({**state, "counters": {**state["counters"], "rollbacks": rollbacks}})
        assert rates(loop) == pytest.approx(expected)


@pytest.mark.parametrize(("settings", "expected"), [([], [0.2, 0.1]), (["optimizer.generator.lr=0.4"], [0.4, 0.2])])
def test_a_resumed_run_has_the_rates_of_its_settings(make, settings, expected):
    state = make("loop.schedule=constant").state.state_dict()
    resumed = make("loop.schedule=constant", *settings, name="resumed")
    resumed.state.load_state_dict(state)
    assert rates(resumed) == pytest.approx(expected)


def test_a_state_without_the_own_rates_can_be_loaded(make):
    """Checkpoints of earlier versions have none."""
    loop = make()
    state = loop.state.state_dict()
    for group in state["optimizer_g"]["param_groups"]:
        del group["own_lr"]
    loop.state.load_state_dict({**state, "counters": {**state["counters"], "rollbacks": 1}})
    assert rates(loop) == pytest.approx([0.1, 0.05])


def test_an_optimizer_without_a_learning_rate_is_refused(make):
    with pytest.raises(GanzooError, match=r"^optimizer rateless: param_groups\[0\] has no 'lr'; give each group one$"):
        make("optimizer.generator.name=rateless")


def test_a_setting_that_an_optimizer_does_not_use_is_named(make, caplog):
    caplog.set_level("INFO")
    make("optimizer.generator.name=sgd")
    assert "optimizer sgd does not use the setting betas" in caplog.messages
