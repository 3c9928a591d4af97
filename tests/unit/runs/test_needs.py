"""A run records the plugins that it needs; if one is missing, the first message says what to install."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from support.runs import resume, start
from support.strangers import ABSOLUTE, with_stranger

from ganzoo import ArchitectureEntry, LossEntry, MetricEntry, hookimpl
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError
from ganzoo.models.sampling import sample
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_config, load_generator, revise
from ganzoo.runs.provenance import provenance
from ganzoo.runs.requirements import Need, check_needs, needs_of, read_needs, write_needs
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.checksum import sealed

pytestmark = pytest.mark.seconds

SAYS = "needs the loss 'absolute' of ganzoo-absolute 1.0, which is not installed: pip install ganzoo-absolute==1.0"


@pytest.fixture
def quiet() -> Display:
    return Display(Console(quiet=True))


@pytest.fixture
def strangers_run(tmp_path, tiny, quiet):
    """A finished run with a third-party loss, whose images have been deleted since."""
    (tmp_path / "images").mkdir()
    for number in range(16):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(tmp_path / f"images/{number}.png")
    registry = with_stranger()
    settings = [*tiny("mlp"), f"data.name=folder:{tmp_path / 'images'}"]
    start(registry, resolve(registry, "mlp+absolute", None, settings), quiet, out=tmp_path / "run")
    shutil.rmtree(tmp_path / "images")
    return tmp_path / "run"


def note(directory, needs) -> None:
    """Replace the needs that a run has recorded."""
    for file in [directory / "provenance.json", *directory.glob("checkpoints/*/meta.json")]:
        file.write_text(json.dumps(sealed({**json.loads(file.read_text()), "needs": needs})))


def calls(registry, quiet, directory):
    cpu = torch.device("cpu")
    return [
        lambda: resume(registry, directory, quiet),
        lambda: load_config(registry, RunDir.open(directory), scoring=True),
        lambda: load_generator(registry, directory, "latest", cpu),
        lambda: load_generator(registry, directory, "no such checkpoint", cpu),
    ]


def test_directory_and_checkpoints_name_distributions_and_versions(strangers_run):
    own = next(plugin.version for plugin in Registry.load().plugins if plugin.distribution == "ganzoo")
    expected = {
        Need("architecture", "mlp", "ganzoo", own),
        Need("loss", "absolute", "ganzoo-absolute", "1.0"),
        Need("dataset", "folder", "ganzoo", own),
    }
    files = [strangers_run / "provenance.json", *strangers_run.glob("checkpoints/*/meta.json")]
    assert len(files) == 3
    assert all(set(read_needs(json.loads(file.read_text())["needs"], "")) == expected for file in files)


def test_without_the_plugin_the_first_thing_said_is_what_to_install(strangers_run, registry, quiet):
    """The message comes before those about missing images, a missing checkpoint or a damaged config.yaml."""
    for call in calls(registry, quiet, strangers_run):
        with pytest.raises(GanzooError) as caught:
            call()
        assert str(caught.value) == f"{strangers_run} {SAYS}"
    (strangers_run / "config.yaml").write_text("{")
    for call in calls(registry, quiet, strangers_run):
        with pytest.raises(GanzooError, match=r"pip install ganzoo-absolute==1\.0"):
            call()


def test_the_command_line_says_it_in_one_line(strangers_run, ganzoo):
    code, _, err = ganzoo("sample", str(strangers_run))
    assert (code, err) == (2, f"ganzoo: {strangers_run} {SAYS}\n")


def test_a_run_stopped_before_its_first_checkpoint_names_them_too(strangers_run, registry, quiet):
    shutil.rmtree(strangers_run / "checkpoints")
    with pytest.raises(GanzooError, match=r"pip install ganzoo-absolute==1\.0"):
        resume(registry, strangers_run, quiet)


def test_with_the_plugin_images_are_drawn_without_the_data(strangers_run):
    generator = load_generator(with_stranger(), strangers_run, "latest", torch.device("cpu"))
    assert next(sample(generator, 2, seed=0)).shape == (2, 1, 8, 8)


def test_another_version_is_told_and_used(strangers_run, logged):
    load_generator(with_stranger(version="2.0"), strangers_run, "latest", torch.device("cpu"))
    assert logged == [f"{strangers_run} was made with ganzoo-absolute 1.0, but 2.0 is installed"]


def test_a_metric_is_needed_for_scoring_alone(strangers_run, registry):
    stranger = Need("metric", "beauty", "ganzoo-beauty", "3.0")
    note(strangers_run, write_needs([stranger]))
    config = strangers_run / "config.yaml"
    config.write_text(
        config.read_text().partition("\n")[2].replace("absolute", "minimax").replace("names: []", "names: [beauty]")
    )
    directory = RunDir.open(strangers_run)
    assert load_config(registry, directory).values.metrics.names == ["beauty"]
    assert load_config(registry, directory, ("metrics.names=[fid]",), scoring=True)
    with pytest.raises(GanzooError, match=r"pip install ganzoo-beauty==3\.0"):
        load_config(registry, directory, scoring=True)


def test_the_plugins_of_metrics_are_noted(tiny):
    class Scores:
        @hookimpl
        def register_metrics(self, register):
            register(MetricEntry(name="beauty", summary="Beauty", target="a:B", reads="statistics"))

    registry = Registry.load(strict=True)
    registry.add(Scores, "beauty", "ganzoo-beauty", "3.0")
    config = resolve(registry, "mlp+minimax", None, [*tiny("mlp"), "metrics.names=[beauty]"])
    assert provenance(config, torch.device("cpu"), "")["plugins"]["ganzoo-beauty"] == "3.0"


def test_what_scores_is_among_the_needs(tiny):
    entry = MetricEntry(name="beauty", summary="", target="nowhere:Beauty")
    registry = with_stranger(entry, hook="register_metrics", distribution="ganzoo-beauty", version="3.0")
    config = resolve(registry, "mlp+minimax", None, [*tiny("mlp"), "metrics.names=[beauty, unheard-of]"])
    assert Need("metric", "beauty", "ganzoo-beauty", "3.0") in needs_of(config)


NEED = Need("loss", "absolute", "ganzoo-absolute", "1.0")


@pytest.mark.parametrize(
    ("make", "need", "says"),
    [
        (lambda: with_stranger(LossEntry(name="renamed", summary="", target="x:y"), version="2.0"), NEED,
         "but 2.0 is installed, which does not have it: pip install ganzoo-absolute==1.0"),
        (lambda: with_stranger(distribution="somebody-else"), NEED, "which is not installed: pip install"),
        (Registry.load, Need("loss", "own", "own.py", "sha256:0abc"), "which was not loaded: name that file with"),
        (Registry.load, Need("loss", "own", "losses/own.py", ""), "of losses/own.py, which was not loaded"),
        (Registry.load, Need("loss", "own", "own", "\x1b[31m; rm -rf ~"), "which is not installed: pip install own"),
    ],
)  # fmt: skip
def test_each_way_of_not_being_there_is_told(make, need, says):
    with pytest.raises(GanzooError) as caught:
        check_needs(read_needs(write_needs([need]), "run"), make().plugins, "run")
    assert says in str(caught.value) and str(caught.value).isprintable()


def test_a_plugin_that_failed_is_not_called_absent():
    registry = Registry.load()
    registry.add(lambda: (_ for _ in ()).throw(ImportError("no half")), "stranger", "ganzoo-absolute", "1.0")
    with pytest.raises(GanzooError, match=r"failed to load \(ImportError: no half\); fix or reinstall it"):
        check_needs([NEED], registry.plugins, "run")


def test_all_that_is_missing_is_named_at_once(registry):
    parts = [NEED, Need("penalty", "own", "ganzoo-absolute", "1.0"), Need("dataset", "cats", "cats", "3")]
    with pytest.raises(GanzooError) as caught:
        check_needs(parts, registry.plugins, "run")
    assert "the loss 'absolute', the penalty 'own' of ganzoo-absolute 1.0" in str(caught.value)
    assert "the dataset 'cats' of cats 3, which is not installed: pip install cats==3" in str(caught.value)


def test_a_part_is_known_by_its_short_name_too(tiny):
    """A registry stores a part under its full name if another distribution has the same short name."""
    registry = with_stranger()
    entry = replace(ABSOLUTE, name="ganzoo-absolute:absolute")
    registry.plugins[-1].registered = [("loss", entry.name)]
    check_needs([NEED], registry.plugins, "run")
    config = resolve(registry, "mlp+absolute", None, tiny("mlp"))
    loss = replace(config.recipe.loss, name=entry.name)
    assert NEED in needs_of(replace(config, recipe=replace(config.recipe, loss=loss)))


def test_a_name_that_another_plugin_registers_later_means_the_part_of_the_run(tiny, tmp_path):
    class Later:
        @hookimpl
        def register_architectures(self, register):
            register(ArchitectureEntry(name="mlp", summary="Another", generator="a:B", discriminator="a:C"))

    registry = Registry.load(strict=True)
    config = resolve(registry, "mlp+hinge", None, tiny("mlp"))
    directory = RunDir.create(tmp_path / "run", "mlp+hinge", config.to_yaml())
    directory.note_provenance({"needs": write_needs(needs_of(config))})
    registry.strict = False
    registry.add(Later, "later", "later", "1.0")
    with pytest.raises(GanzooError, match="is registered by"):
        resolve(registry, "mlp+hinge", None, tiny("mlp"))
    assert str(load_config(registry, directory).recipe) == "mlp+hinge"
    assert load_config(registry, directory).recipe.generator.owner.distribution == "ganzoo"
    assert str(revise(registry, directory, ["loop.kimg=9"]).config.recipe) == "mlp+hinge"


def test_names_are_compared_as_package_indexes_do():
    check_needs([NEED], with_stranger(distribution="Ganzoo_Absolute").plugins, "run")


@pytest.mark.parametrize("content", [1, "text", [1], [{}], [{"kind": "loss"}], [{**vars(NEED), "version": 1}]])
def test_damaged_needs_are_refused(content):
    with pytest.raises(GanzooError, match="damaged"):
        read_needs(content, "run")


def test_runs_of_older_versions_name_none(strangers_run):
    note(strangers_run, None)
    assert RunDir.open(strangers_run).needs() == ()


@pytest.mark.parametrize("image", [1, {"channels": 7, "size": 8}, {"channels": 1}, {"channels": 1, "size": "8"}])
def test_a_damaged_image_is_refused(strangers_run, image):
    for file in strangers_run.glob("checkpoints/*/meta.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "picture": image}))
    with pytest.raises(GanzooError, match=r"meta\.json"):
        load_generator(with_stranger(), strangers_run, "latest", torch.device("cpu"))


def test_what_a_run_names_is_neither_imported_nor_installed(strangers_run, registry, tmp_path, monkeypatch):
    """A module of that name is on the path, and an audit hook would notice a new process or connection."""
    (tmp_path / "evil.py").write_text("import pathlib; pathlib.Path(__file__).with_name('imported').touch()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    note(strangers_run, write_needs([Need("loss", "evil", "evil", "1.0"), Need("loss", "evil:Loss", "evil", "1.0")]))
    seen = SimpleNamespace(events=[], on=True)
    sys.addaudithook(lambda name, _: seen.on and name in ("subprocess.Popen", "socket.connect", "os.exec")
                     and seen.events.append(name))  # fmt: skip
    with pytest.raises(GanzooError, match=r"pip install evil==1\.0"):
        load_generator(registry, strangers_run, "latest", torch.device("cpu"))
    config = strangers_run / "config.yaml"
    config.write_text(
        config.read_text().partition("\n")[2].replace("absolute", "evil:Loss").replace("folder:", "evil:")
    )
    note(strangers_run, None)
    with pytest.raises(GanzooError, match="evil"):
        load_generator(registry, strangers_run, "latest", torch.device("cpu"))
    seen.on = False
    assert seen.events == [] and "evil" not in sys.modules and not (tmp_path / "imported").exists()
