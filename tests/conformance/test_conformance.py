"""The conformance kit: good parts pass every check, and for each check there is a plugin that fails only this one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from PIL import Image
from support import outside
from support.verdicts import failures, plan_of, plan_of_module
from support.violations import (
    BAD,
    GOOD,
    architecture,
    augmentation,
    augmentations,
    data,
    dataset,
    loss,
    losses,
    metric,
    networks,
    optimizer,
    penalties,
    penalty,
    plugin_of,
    steps,
)

from ganzoo import ImageSpec, hookimpl
from ganzoo.cli.main import main
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.testing import check
from ganzoo.testing.conformance import CHECKS, plan
from ganzoo.testing.tape import MESSAGE, Tape

SLOW = ("trains", "capture_safe", "resumes", "devices")  # run only on good parts and on the parts that violate them

FILE = """
import torch
from ganzoo import LossEntry, hookimpl
from ganzoo.interfaces import Loss


@hookimpl
def register_losses(register):
    register(LossEntry(name="careless", summary="A loss", formula="D: mean; G: mean", target=f"{__name__}:Careless"))


class Careless(Loss):
    def discriminator(self, *, d_real, d_fake):
        if d_real.mean().item() > 100:
            print("sure")
        return d_fake.mean() - d_real.mean()

    def generator(self, *, d_real, d_fake):
        return -d_fake.mean()
"""


def test_there_is_a_violation_of_every_check():
    elsewhere = {"loads", "cheap_import", "names", "life_cycle"}  # these have their own tests below
    for kind, checks in CHECKS.items():
        assert {check.__name__ for check in checks} - elsewhere == set(BAD[kind]), kind
        assert all((check.__doc__ or "").strip() for check in checks)


def test_good_parts_pass_every_check():
    verdict = plan_of(*GOOD).verdict()
    assert failures(verdict.results) == {} and verdict.passed
    skipped = {(result.subject, result.check) for result in verdict.results if result.status == "skipped"}
    assert skipped == {
        ("distribution", "cheap_import"),
        ("distribution", "life_cycle"),
        ("architecture bad-architecture", "truncation"),
        ("loss bad-loss", "patches"),
        ("penalty bad-penalty", "patches"),
        ("optimizer bad-optimizer", "capture_safe"),
    }


@pytest.mark.parametrize(
    "entry",
    [loss(losses.ZeroAndOne, zero_is_border=False), optimizer(steps.TensorRate)],
    ids=["least squares of 0 and 1", "a learning rate in a tensor"],
)
def test_other_correct_parts_pass(entry):
    assert failures([case.result() for case in plan_of(entry).cases if case.name not in SLOW]) == {}


@pytest.mark.filterwarnings("ignore:std.*degrees of freedom")
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, checks in BAD.items() for name in checks])
def test_a_plugin_that_violates_one_check_fails_it_alone(kind, name):
    cases = plan_of(BAD[kind][name]).cases
    failed = failures([case.result() for case in cases if case.name == name or case.name not in SLOW])
    assert list(failed) == [f"{kind} {name}"], failed
    assert failed[f"{kind} {name}"] and "\n" not in failed[f"{kind} {name}"]


@pytest.mark.parametrize(
    ("entry", "check", "says"),
    [
        (architecture(networks.Sigmoid), "value_range", "but black is -1; use tanh"),
        (loss(losses.Learned), "interface", "it has parameters, which no optimizer trains"),
        (penalty(penalties.WeighsItself), "shapes", "it multiplies by its weight, which the training step does"),
        (optimizer(steps.Climbs), "updates", "steps of a regression do not lower its loss"),
        (dataset(data.MostlySeen), "held_out", "the splits train and test hold the same images"),
        (
            dataset(data.WrongTestLabels, image=ImageSpec(1, 8, classes=2), reference="test"),
            "labels",
            "has the label 2, expected a number from 0 to 1",
        ),
        (metric(data.PerClass), "values", "is a value of one class|is the value of a class"),
    ],
)
def test_mistakes_that_would_train_or_score_in_silence_are_found(entry, check, says):
    (case,) = (case for case in plan_of(entry).cases if case.name == check)
    found = case.result()
    assert found.status == "failed" and re.search(says, found.message)


@pytest.mark.parametrize(
    "entry",
    [
        architecture(discriminator=networks.Patches),
        architecture(check_image=networks.only_grey_of_96),
        metric(data.Variety, lower_is_better=False),
    ],
    ids=["patch logits", "one size in grey", "a metric of variety"],
)
def test_parts_that_a_run_takes_are_not_refused(entry):
    assert failures([case.result() for case in plan_of(entry).cases if case.name not in SLOW]) == {}


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.sum() > 0),
        lambda x: float(x[0]),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.numpy(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.masked_select(x > 0),
        lambda x: x.unique(),
        lambda x: torch.equal(x, x),
        lambda x: torch.allclose(x, x),
        lambda x: torch.where(x > 0),
        lambda x: x.repeat_interleave(x.long()),
        lambda x: x.index_put((x > 0,), x[1:]),
    ],
)
def test_every_way_to_read_a_value_is_seen_on_a_cpu(read):
    values = torch.tensor([-1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match=MESSAGE):
        Tape([])(lambda: read(values))


def test_what_stays_on_the_device_is_let_be():
    values = torch.tensor([-1.0, 2.0, 3.0])

    def work() -> None:
        values[values > 0] = 0.0
        values.add_(torch.where(values < 0, 1.0, 2.0)).sort().values.to(torch.float64)

    replay = Tape([])(work)
    assert values.tolist() == [-1.0, 2.0, 3.0]  # a capture changes no value
    replay()
    assert values.tolist() == [0.0, 2.0, 2.0]


def test_a_data_set_that_wants_a_location(tmp_path, registry):
    for number in range(4):
        Image.new("L", (8, 8), 60 * number).save(tmp_path / f"{number}.png")
    for location, status in ((str(tmp_path), "passed"), (None, "skipped")):
        cases = plan("ganzoo", location=location).cases
        results = [case.result() for case in cases if case.subject.title == "dataset folder"]
        assert {result.status for result in results} == {status}, results
    assert "add --location PATH" in results[0].message


TABLE = Path(outside.__file__).parent / "outside_table.py"


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        (["data.options.label=kind"], "passed", ""),
        (["data.options.lable=kind"], "failed", "unknown key 'data.options.lable'; did you mean 'data.options.label'?"),
        ([], "skipped", "its images are not available here: "),
    ],
)
def test_a_data_set_with_parameters(tmp_path, settings, status, says):
    (tmp_path / "table.csv").write_text("a,b,c,d,kind\n0,1,2,3,x\n9,8,7,6,y\n5,5,5,5,x\n4,4,4,4,y\n")
    cases = plan(str(TABLE), settings=settings, location=str(tmp_path / "table.csv")).cases
    result, *others = [case.result() for case in cases if case.subject.kind == "dataset"]
    assert result.status == status and says in result.message
    assert {other.status for other in others} == {status if status == "passed" else "skipped"}


def test_what_is_no_setting_is_refused():
    with pytest.raises(GanzooError, match="label=kind is not a setting; begin a part's parameter with generator"):
        plan(str(TABLE), settings=["metrics.names=[]", "label=kind"])


def test_after_a_failed_import_nothing_else_is_looked_at():
    registry = Registry(strict=False)
    registry.add(lambda: sys.exit("no"), "bad", "bad-dist", "1.0")
    verdict = plan("bad-dist", registry=registry).verdict()
    assert failures(verdict.results) == {"distribution loads": "plugin bad: SystemExit: no"}
    assert {result.message for result in verdict.results[1:]} == {"loads failed"}


def test_a_name_that_another_distribution_has(registry):
    registry = Registry.load(strict=False, files=[])
    registry.add(lambda: plugin_of(loss(name="minimax")), "bad", "bad-dist", "1.0")
    results = [
        case.result() for case in plan("bad-dist", registry=registry).cases if case.subject.kind == "distribution"
    ]
    (message,) = failures(results).values()
    assert "registered by ganzoo 0.1.0 and by bad-dist 1.0" in message and "choose another name" in message


def test_a_life_cycle_hook_that_raises():
    def run_finished(score):
        return score["values"]["fid"]

    module = ModuleType("watching")
    module.run_finished = hookimpl(run_finished)
    results = [case.result() for case in plan_of_module(module).cases]
    assert failures(results) == {
        "distribution life_cycle": "plugin 'bad-dist:bad' failed in run_finished: KeyError: 'values'"
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("import torch", "impatient/__init__.py:1 imports torch;"),
        ("from ganzoo.interfaces import Loss", "impatient/__init__.py:1 imports torch, through ganzoo/interfaces.py"),
    ],
)
def test_torch_at_registration_is_traced_to_its_line(tmp_path, monkeypatch, line, says):
    (tmp_path / "impatient").mkdir()
    hook = "@hookimpl\ndef run_finished():\n    pass\n"
    (tmp_path / "impatient/__init__.py").write_text(f"{line}\nfrom ganzoo import hookimpl\n{hook}")
    info = tmp_path / "ganzoo_impatient-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ganzoo-impatient\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganzoo]\nimpatient = impatient\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "impatient", raising=False)
    results = [case.result() for case in plan("ganzoo_impatient").cases if case.name in ("loads", "cheap_import")]
    assert failures(results)["distribution cheap_import"].startswith(says)


@pytest.fixture
def careless(tmp_path, monkeypatch):
    (tmp_path / "careless.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    yield "careless.py"
    sys.modules.pop("careless", None)


def test_the_verdict_in_text_and_in_json(careless, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["plugins", "check", careless])
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert stop.value.code == 1 and printed.err == ""
    assert any(line.startswith("  FAILED   capture_safe: a value was read back to the host at") for line in lines)
    assert "careless.py:14; stay on the device" in printed.out
    assert lines[-1].startswith("careless.py sha256:") and lines[-1].endswith("1 of 24 checks failed, 3 skipped")
    with pytest.raises(SystemExit):
        main(["plugins", "check", careless, "--json"])
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["target"] == "careless.py" and verdict["passed"] is False
    (failed,) = [found for found in verdict["checks"] if found["status"] == "failed"]
    assert failed["subject"] == "loss careless" and failed["check"] == "capture_safe"


@pytest.mark.parametrize("target", ["ganzo", "nowhere.py"])
def test_a_target_that_is_not_there_is_one_line(target, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["plugins", "check", target])
    assert stop.value.code == 2 and capsys.readouterr().err.count("\n") == 1
    with pytest.raises(GanzooError):
        check(target)


def test_a_distribution_with_another_group_of_entry_points_is_named(monkeypatch):
    found = SimpleNamespace(entry_points=[SimpleNamespace(group="ganzoos")])
    monkeypatch.setattr(metadata, "distribution", lambda name: found)
    with pytest.raises(GanzooError, match=r"has no entry point in the group ganzoo \(it has: ganzoos"):
        check("ganzoo-misspelt")


def test_an_augmentation_may_follow_the_progress_of_the_run():
    cases = plan_of(augmentation(augmentations.FadingNoise)).cases
    assert failures([case.result() for case in cases]) == {}
    loop = cases[-1].subject.part.loop()
    strengths = []
    while loop.counters.shown < loop.settings.images / 2:
        loop.iteration()
        strengths.append(float(loop.step.augmentation.strength))
    assert strengths == sorted(strengths, reverse=True) and 0.4 < strengths[-1] < 0.6 < strengths[0]


def test_a_loss_may_draw_from_the_rng():
    assert failures([case.result() for case in plan_of(loss(losses.NoisyTargets)).cases]) == {}


@pytest.mark.parametrize(("fades", "fails"), [(True, False), (False, True)])
def test_a_side_of_a_loss_may_fade_in(fades, fails):
    results = plan_of(loss(losses.FadesIn if fades else losses.IgnoresFakes)).cases
    (result,) = [case.result() for case in results if case.name == "direction"]
    assert (result.status == "failed") == fails


def test_settings_reach_the_parts_they_are_for():
    settings = ["generator.width=4", "loss.clip=0.5"]
    parts = {case.subject.title: case.subject for case in plan("ganzoo", settings=settings).cases}
    assert parts["architecture mlp"].part.config.values.generator.width == 4
    assert parts["loss wgan"].part.make().params.clip == 0.5


@pytest.mark.long
def test_the_pytest_plugin_makes_a_test_of_each_check(careless):
    Path("test_it.py").write_text(
        "import pytest\n\n\n"
        '@pytest.mark.ganzoo("careless.py")\n'
        "def test_conformance(ganzoo_check):\n    ganzoo_check()\n"
    )
    Path("test_unmarked.py").write_text("def test_unmarked(ganzoo_check):\n    ganzoo_check()\n")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "ganzoo.testing.plugin", "-p", "no:cacheprovider", *options]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTEST_ADDOPTS": ""})

    done = run("-q", "--strict-markers", "-k", "not trains", "--continue-on-collection-errors")
    assert "1 failed, 19 passed, 3 skipped, 1 deselected, 1 error" in done.stdout, done.stdout + done.stderr
    assert "loss careless: capture_safe: a value was read back to the host at" in done.stdout
    assert "takes ganzoo_check: mark the test with @pytest.mark.ganzoo" in done.stdout
    assert "Traceback" not in done.stdout and "pluggy" not in done.stdout


def test_the_pytest_plugin_costs_next_to_nothing():
    code = "import sys, ganzoo.testing.plugin; assert not {'torch', 'omegaconf', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
