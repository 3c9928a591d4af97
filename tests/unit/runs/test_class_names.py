"""A run keeps the names of its classes, and a run without labels stays without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file
from support.runs import resume, start
from support.sets import image

from ganzoo.config.resolve import resolve
from ganzoo.data.factory import peek_configured
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.class_names import class_names
from ganzoo.runs.load import load_config
from ganzoo.runs.run_dir import RunDir


@pytest.fixture
def directory(tmp_path) -> Path:
    """A directory with six images of each of two classes."""
    for number in range(12):
        place = tmp_path / "set" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        image(8, 8, "L", number).save(place / f"{number}.png")
    return tmp_path / "set"


@pytest.fixture
def train(registry, directory, tiny, tmp_path):
    def trains(*settings: str) -> RunDir:
        given = [*tiny("mlp"), "loop.kimg=0.064", "loop.snapshot_kimg=0.032", "loop.batch=8", *settings]
        place = [f"data.name=folder:{directory}", f"data.root={tmp_path / 'root'}", "data.size=8"]
        start(registry, resolve(registry, "mlp+minimax", None, [*given, *place]), out=tmp_path / "run")
        return RunDir(tmp_path / "run")

    return trains


def meta(directory: RunDir, checkpoint: str = "latest"):
    return directory.checkpoint(checkpoint).meta


def test_a_run_keeps_the_names_with_its_provenance_and_its_checkpoints(registry, train, directory, logged):
    kept = train()
    assert kept.provenance()["data"]["class_names"] == meta(kept)["class_names"] == ["cat", "dog"]
    assert meta(kept)["picture"]["classes"] == 2
    shutil.rmtree(directory)  # later commands need no data
    config, checkpoint = load_config(registry, kept), kept.checkpoint("latest")
    assert class_names(config, 2, checkpoint) == class_names(config, 2, None, kept) == ("cat", "dog")
    assert class_names(config, 2) == ()
    said = [line for line in logged if "12 of 12 images" in line]
    assert len(said) == 1 and "labels from its 2 directories" in said[0]
    assert "labels of 2 classes are not used: neither network is class-conditional" in said[0]


def test_without_labels_no_names_are_kept(train):
    kept = train("data.labels=none")
    assert "class_names" not in kept.provenance()["data"] and "class_names" not in meta(kept)
    assert meta(kept)["picture"]["classes"] == 0


@pytest.mark.parametrize(
    ("noted", "origin", "found"),
    [
        (["a", "b"], ["c", "d"], ("a", "b")),
        (None, ["c", "d"], ("c", "d")),
        (["a"], ["c", "d"], ("c", "d")),
        ([1, 2], "cd", ("of the", "entry")),
        (["a\x1b", "b"], None, ("a\\x1b", "b")),
    ],
)
def test_they_are_read_from_the_first_place_that_names_as_many(tmp_path, noted, origin, found):
    config = SimpleNamespace(dataset=SimpleNamespace(class_names=("of the", "entry")))
    directory = RunDir(tmp_path)
    directory.note_provenance({"data": {"class_names": origin}})
    checkpoint = Checkpoint(tmp_path, {"shown": 0, "class_names": noted})
    assert class_names(config, 2, checkpoint, directory) == found
    assert class_names(config, 3, checkpoint, directory) == class_names(config, 0, checkpoint, directory) == ()


def test_a_damaged_provenance_names_none(tmp_path):
    config = SimpleNamespace(dataset=SimpleNamespace(class_names=()))
    for content in ("no json", '{"data": ["cat"]}', "[]"):
        (tmp_path / "provenance.json").write_text(content)
        assert class_names(config, 2, None, RunDir(tmp_path)) == ()


def test_a_run_from_before_labels_by_directory_resumes_to_the_bit(registry, train, directory, tmp_path):
    """The old config.yaml has no data.labels; with today's default, the images would have labels."""
    kept = train("data.labels=json-or-none")
    before = tmp_path / "before"
    shutil.copytree(kept.path, before)
    config = (before / "config.yaml").read_text().splitlines(keepends=True)
    lines = [line for line in config if not line.startswith(("# sha256", "  labels:"))]
    assert len(lines) == len(config) - 2
    (before / "config.yaml").write_text("".join(lines))
    *_, newest = sorted((before / "checkpoints").iterdir())
    shutil.rmtree(newest)
    assert peek_configured(resolve(registry, None, before / "config.yaml")).classes == 2
    assert resume(registry, before).finished
    for name in ("generator", "discriminator", "ema"):
        one, other = (
            load_file(path / "checkpoints" / newest.name / f"{name}.safetensors") for path in (kept.path, before)
        )
        assert one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one)
    image = f"samples/{newest.name}.png"
    assert (before / image).read_bytes() == (kept.path / image).read_bytes()
    assert meta(RunDir(before))["picture"]["classes"] == 0
    assert (
        json.loads((before / "provenance.json").read_text())["data"]["fingerprint"]
        == (kept.provenance()["data"]["fingerprint"])
    )
