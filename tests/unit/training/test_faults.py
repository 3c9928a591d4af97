"""Failures of training are found within a log interval; with rollbacks, training continues reproducibly."""

from __future__ import annotations

import pytest
from rich.console import Console
from support.runs import resume, start

from ganzoo import LossEntry
from ganzoo.bench.grid import Cell
from ganzoo.bench.job import Job
from ganzoo.bench.record import read_record
from ganzoo.bench.work import RECORD, perform
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.errors import TrainingFailed
from ganzoo.interfaces import Loss
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import ASIDE
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.anomalies import Fault, Watch
from ganzoo.training.loop import Loop
from ganzoo.utils.files import read_jsonl

pytestmark = pytest.mark.seconds

USUAL = {"gradient_generator": 1.0, "gradient_discriminator": 1.0, "auc": 0.7, "ties": 0.0}


def said(watch: Watch, not_finite=(), **means: float) -> str:
    try:
        watch.judge({**USUAL, **means}, dict(not_finite), 64)
    except Fault as fault:
        return str(fault)
    return ""


@pytest.fixture
def watch() -> Watch:
    return Watch([USUAL] * 4)


def test_the_first_part_that_is_not_finite_is_named(watch):
    message = said(watch, {"loss_generator": 12, "penalty_gp": 9})
    assert message == "penalty gp is not finite at discriminator step 9"


@pytest.mark.parametrize(
    ("norm", "fault"), [(9e3, False), (2e4, True), (1e12, True)], ids=["small", "beyond the usual", "beyond all"]
)
def test_exploding_gradients(watch, norm, fault):
    message = said(watch, gradient_generator=norm)
    assert message == (
        f"exploding gradient of the generator, {norm:.2g}, before discriminator step 64" if fault else ""
    )


def test_a_clipped_gradient_does_not_explode():
    assert not said(Watch([USUAL] * 4, clipped=True), gradient_generator=3e4)
    assert said(Watch([USUAL] * 4, clipped=True), gradient_generator=0.0).startswith("dead generator")


def test_what_is_usually_large_does_not_explode():
    assert not said(Watch([{**USUAL, "gradient_discriminator": 1e5}] * 4), gradient_discriminator=5e6)
    assert not said(Watch(), gradient_generator=1e6)  # too few norms have been recorded to judge one


@pytest.mark.parametrize(
    ("means", "reason"),
    [
        ({"ties": 1.0, "gradient_generator": 0.0}, "its output is the same for every image"),
        ({"ties": 1.0}, ""),  # bf16 hides the difference, but a gradient remains
        ({"gradient_discriminator": 0.0, "gradient_generator": 0.0, "auc": 1.0}, "its gradient is zero"),
        ({"gradient_discriminator": 0.0, "auc": 0.6}, "its gradient is zero"),
        ({"gradient_discriminator": 0.0, "auc": 1.0}, ""),  # a satisfied hinge: the generator still learns
        ({}, ""),
        ({"ties": 0.99}, ""),
    ],
)
def test_a_dead_discriminator(watch, means, reason):
    expected = f"dead discriminator, {reason}, before discriminator step 64" if reason else ""
    assert said(watch, **means) == expected


@pytest.mark.parametrize("means", [{}, {"ties": 0.99}, {"auc": 1.0}])
def test_a_dead_generator(watch, means):
    with pytest.raises(Fault, match=r"^dead generator, its gradient is zero, before discriminator step 64$") as caught:
        watch.judge({**USUAL, **means, "gradient_generator": 0.0}, {}, 64)
    assert "optimizer.discriminator.lr" in caught.value.advice
    assert not said(watch, gradient_generator=1e-30)
    unstepped = {name: value for name, value in USUAL.items() if name != "gradient_generator"}
    watch.judge(unstepped, {}, 64)  # an interval without a generator step


def test_no_gradient_at_the_very_beginning_is_a_last_layer_of_zeros():
    watch = Watch()
    assert not said(watch, gradient_generator=0.0)
    assert said(watch, gradient_generator=0.0).startswith("dead generator")
    assert said(Watch([USUAL]), gradient_generator=0.0).startswith("dead generator")  # as in a resumed run


def test_equal_logits_at_the_very_beginning_are_a_last_layer_of_zeros():
    watch = Watch()
    assert not said(watch, ties=1.0, gradient_generator=0.0)
    assert "the same for every image" in said(watch, ties=1.0, gradient_generator=0.0)


class Once(Loss):
    """A loss that is NaN at its tenth discriminator step."""

    calls = 0

    def discriminator(self, *, d_real, d_fake):
        Once.calls += 1
        return (d_fake.mean() - d_real.mean()) * (float("nan") if Once.calls == 10 else 1.0)

    def generator(self, *, d_real, d_fake):
        return -d_fake.mean()


class Always(Once):
    """A loss that is always NaN."""

    def discriminator(self, *, d_real, d_fake):
        return d_fake.mean() * float("nan")


class Constant(Loss):
    """A loss that teaches nothing."""

    def discriminator(self, *, d_real, d_fake):
        return 0 * (d_real.mean() + d_fake.mean())

    def generator(self, *, d_real, d_fake):
        return 0 * d_fake.mean()


class Saturated(Loss):
    """A loss that teaches only the discriminator."""

    def discriminator(self, *, d_real, d_fake):
        return d_fake.square().mean() + (d_real - 1).square().mean()

    def generator(self, *, d_real, d_fake):
        return 0 * d_fake.mean()


@pytest.fixture
def quiet() -> Display:
    return Display(Console(quiet=True))


@pytest.fixture(scope="module")
def faulty() -> Registry:
    registry = Registry.load(strict=True)
    for name in ("Once", "Always", "Constant", "Saturated"):
        entry = LossEntry(name=name.lower(), summary="", target=f"{__name__}:{name}", owner=registry.plugins[0].owner)
        registry.entries["loss"][name.lower()] = entry
    return registry


def settings(tiny, *more: str) -> list[str]:
    return [*tiny("mlp", log_kimg=0.032, snapshot_kimg=0.064), "loop.on_nan=rollback", *more]


def weights(directory: RunDir) -> dict[str, bytes]:
    newest = directory.checkpoint("latest").path
    return {file.name: file.read_bytes() for file in newest.glob("*.safetensors")}


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_rollbacks_are_logged_halve_the_learning_rates_and_survive_a_stop(
    registry, quiet, tiny, tmp_path, monkeypatch, schedule
):
    """Both runs have two faults after 200 images; one of them is also stopped after 300 images and resumed."""
    judge, whole = Watch.judge, Loop.iteration
    rate = resolve(registry, "mlp+minimax", None, [*settings(tiny), f"loop.schedule={schedule}"])

    def judged(loop: Loop):
        def fault(means, not_finite, step):
            if loop.counters.rollbacks < 2 and loop.counters.shown > 200:
                raise Fault("something went wrong")
            judge(loop.watch, means, not_finite, step)

        return fault

    def iteration(self):
        self.watch.judge = judged(self)
        whole(self)
        self.stop_requested = stopping and self.counters.rollbacks == 2 and self.counters.shown > 300

    monkeypatch.setattr(Loop, "iteration", iteration)
    stopping = False
    undisturbed = start(registry, rate, quiet, out=tmp_path / "undisturbed").directory
    stopping = True
    assert not start(registry, rate, quiet, out=tmp_path / "stopped").finished
    stopping = False
    stopped = resume(registry, tmp_path / "stopped", quiet).directory
    assert weights(stopped) == weights(undisturbed)
    for directory in (undisturbed, stopped):
        log = read_jsonl(directory.log_file)
        assert [record["shown"] for record in log] == sorted({record["shown"] for record in log})
        assert log[-1]["rollbacks"] == 2
        (faults,) = (record["faults"] for record in log if "faults" in record)
        assert faults == [
            f"something went wrong; rollback {count} of 3: back to kimg000000.192, learning rate x{0.5**count:g}, "
            "another data order"
            for count in (1, 2)
        ]
        expected = rate.values.optimizer.generator.lr / 4
        if schedule == "constant":
            assert log[-1]["lr_generator"] == expected
        else:
            assert 0 < log[-2]["lr_generator"] < 0.2 * expected


def after_each_judgement(monkeypatch, then) -> list[Loop]:
    """Call ``then`` with the loop that trains, after each judgement of its log. Return the list of such loops."""
    judge, whole, loops = Watch.judge, Loop.train, list[Loop]()

    def judged(self, means, not_finite, step):
        judge(self, means, not_finite, step)
        then(loops[-1])

    def looped(self):
        loops.append(self)
        whole(self)

    monkeypatch.setattr(Watch, "judge", judged)
    monkeypatch.setattr(Loop, "train", looped)
    return loops


def test_the_log_keeps_the_faults_of_records_that_a_rollback_drops(registry, quiet, tiny, tmp_path, monkeypatch):
    """The log has a line between the faults at 200 and 240 images, which the second rollback drops."""

    def fail_twice(loop):
        if loop.counters.rollbacks < 2 and loop.counters.shown > (200, 240)[loop.counters.rollbacks]:
            raise Fault("something went wrong")

    after_each_judgement(monkeypatch, fail_twice)
    config = resolve(registry, "mlp+minimax", None, settings(tiny))
    log = read_jsonl(start(registry, config, quiet, out=tmp_path / "run").directory.log_file)
    faults = [fault for record in log for fault in record.get("faults", [])]
    assert [fault.partition("; ")[2][:13] for fault in faults] == ["rollback 1 of", "rollback 2 of"]


def test_a_damaged_checkpoint_is_set_aside_by_a_rollback(registry, quiet, tiny, tmp_path, monkeypatch):
    """The newest checkpoint is damaged on the disk before the fault. A stop after the rollback still saves its work."""

    def damage_and_fail(loop):
        if loop.counters.shown > 200 and not loop.counters.rollbacks:
            (loop.directory.latest().path / "generator.safetensors").write_bytes(b"damaged")
            raise Fault("something went wrong")
        loop.stop_requested = loop.counters.rollbacks == 1

    loops = after_each_judgement(monkeypatch, damage_and_fail)
    config = resolve(registry, "mlp+minimax", None, settings(tiny))
    stopped = start(registry, config, quiet, out=tmp_path / "run")
    (loop,) = loops
    assert not stopped.finished and loop.counters.rollbacks == 1
    assert stopped.directory.latest().meta["shown"] == loop.counters.shown
    assert (stopped.directory.checkpoints / f"{ASIDE}kimg000000.192").is_dir()


def test_a_rollback_survives_a_kill(registry, quiet, tiny, tmp_path, monkeypatch):
    """The run is killed right after its rollback, before the next checkpoint."""

    def fault(self, means, not_finite, step):
        if step > 12:
            raise Fault("something went wrong")

    config = resolve(registry, "mlp+minimax", None, settings(tiny))
    monkeypatch.setattr(Watch, "judge", fault)
    monkeypatch.setattr(Loop, "iteration", killed_after_a_rollback(Loop.iteration))
    with pytest.raises(ZeroDivisionError):
        start(registry, config, quiet, out=tmp_path / "run")
    assert RunDir(tmp_path / "run").latest().meta["rollbacks"] == 1


def killed_after_a_rollback(iteration):
    def one(self):
        if self.counters.rollbacks:
            raise ZeroDivisionError
        iteration(self)

    return one


def test_nan_weights_are_left_behind(faulty, quiet, tiny, tmp_path):
    Once.calls = 0
    outcome = start(faulty, resolve(faulty, "mlp+once", None, settings(tiny)), quiet, out=tmp_path / "run")
    log = read_jsonl(outcome.directory.log_file)
    assert outcome.finished and log[-1]["rollbacks"] == 1
    (faults,) = (record["faults"] for record in log if "faults" in record)
    assert faults[0].startswith(
        "loss discriminator is not finite at discriminator step 9; rollback 1 of 3: back to kimg"
    )


def test_after_so_many_rollbacks_it_stops(faulty, quiet, tiny, tmp_path):
    config = resolve(faulty, "mlp+always", None, settings(tiny, "loop.max_rollbacks=1"))
    with pytest.raises(TrainingFailed, match=r"not finite .* of mlp\+always, after 1 rollback; last good checkpoint"):
        start(faulty, config, quiet, out=tmp_path / "run")


def test_a_dead_discriminator_is_a_failed_row_with_its_reason(faulty, quiet, tiny, tmp_path):
    small = [setting for setting in settings(tiny) if not setting.startswith("loop.on_nan")]
    job = Job("train", "grid", Cell("mlp+constant", "fashion-10k", 0), tmp_path, tuple(small), {"kimg": 0.512})
    assert perform(job, faulty, quiet)
    record = read_record(tmp_path / RECORD)
    assert record.status == "failed" and record.shown == 0
    assert record.reason.startswith("dead discriminator, its gradient is zero, before discriminator step 2 of mlp+")


def test_a_dead_generator_stops_the_run_with_what_to_do(faulty, quiet, tiny, tmp_path):
    config = resolve(faulty, "mlp+saturated", None, settings(tiny, "loop.on_nan=stop"))
    with pytest.raises(TrainingFailed) as caught:
        start(faulty, config, quiet, out=tmp_path / "run")
    said = str(caught.value)
    assert said.startswith("dead generator, its gradient is zero, before discriminator step 4 of mlp+saturated; last")
    assert "so it no longer learns; try a lower optimizer.discriminator.lr" in said and "clip_grad" not in said
