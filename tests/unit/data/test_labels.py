"""The labels of a set: from a directory for each class, from dataset.json, or none."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from support.images import open_images, peek_spec
from support.sets import image, png

from ganzoo.config.resolve import resolve
from ganzoo.data import cache
from ganzoo.data.factory import peek_configured
from ganzoo.errors import GanzooError

CLASSES = ("cat", "dog", "owl")
LABELS = {"labels": [[f"{name}/{number}.png", 2 - k] for k, name in enumerate(CLASSES) for number in range(2)]}


def fill(directory: Path, classes=CLASSES) -> Path:
    for k, name in enumerate(classes):
        (directory / name / "deep").mkdir(parents=True)
        for number in range(2):
            image(8, 8, "L", 2 * k + number).save(directory / name / ("deep" if number else "") / f"{number}.png")
    return directory


@pytest.fixture
def directory(tmp_path) -> Path:
    """A directory with two images of each of three classes, and a subdirectory for each class."""
    return fill(tmp_path / "set")


@pytest.fixture
def opened(registry, directory, tmp_path):
    def opens(labels="auto", kind="folder", place=directory):
        if kind == "zip":
            packed = tmp_path / "set.zip"
            with zipfile.ZipFile(packed, "w") as archive:
                for file in sorted(place.rglob("*")):
                    archive.write(file, file.relative_to(place))
            place = packed
        images = open_images(registry, f"{kind}:{place}", labels=labels, root=tmp_path / "root")
        spec = peek_spec(registry, f"{kind}:{place}", labels=labels, root=tmp_path / "root")
        assert spec == images.spec and (images.labels is None) == (spec.classes == 0)
        return images

    return opens


def with_json(directory: Path, **more) -> None:
    labels = [[name.replace("/1", "/deep/1"), label] for name, label in LABELS["labels"]]
    (directory / "dataset.json").write_text(json.dumps({"labels": labels, **more}))


def found(images) -> list[int] | None:
    return None if images.labels is None else images.labels.tolist()


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("labels", ["auto", "folders"])
def test_the_first_directory_is_the_class(opened, kind, labels):
    images = opened(labels, kind)
    assert found(images) == [0, 0, 1, 1, 2, 2] and images.class_names == CLASSES
    assert str(images.usage) == "6 of 6 images; labels from its 3 directories"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_dataset_json_goes_first(opened, directory, kind):
    with_json(directory)
    for labels in ("auto", "json", "json-or-none"):
        images = opened(labels, kind)
        assert found(images) == [2, 2, 1, 1, 0, 0] and images.class_names == ()
    assert found(opened("folders", kind)) == [0, 0, 1, 1, 2, 2]
    assert found(opened("none", kind)) is None


def test_a_dataset_json_without_labels_means_no_labels(opened, directory):
    (directory / "dataset.json").write_text('{"labels": null}')
    assert found(opened()) is None
    with pytest.raises(GanzooError, match=r"data\.labels=json: .*dataset\.json has no labels; add them"):
        opened("json")


def test_without_a_directory_for_every_image_there_are_no_labels(opened, directory):
    image().convert("L").save(directory / "lost.png")
    assert found(opened()) is None and opened().class_names == ()
    with pytest.raises(GanzooError, match=r"data\.labels=folders: .*: lost\.png is not in the directory of a class"):
        opened("folders")


def test_one_class_is_none(opened, tmp_path):
    place = fill(tmp_path / "one", ["cat"])
    assert found(opened(place=place)) is None
    with pytest.raises(GanzooError, match="all images are in one directory, cat; at least two classes are required"):
        opened("folders", place=place)


def test_none_is_none_even_if_the_file_is_broken(opened, directory):
    (directory / "dataset.json").write_text("no json")
    assert found(opened("none")) is None and opened("none").class_names == ()
    with pytest.raises(GanzooError, match="fix or remove it"):
        opened()


def test_a_missing_dataset_json_is_named(opened, directory):
    with pytest.raises(GanzooError, match=r"data\.labels=json: .*set has no dataset\.json at its top \(none below\)"):
        opened("json")
    for name in ("cat", "dog"):
        (directory / name / "dataset.json").write_text('{"labels": null}')
    with pytest.raises(GanzooError, match=r"has no dataset\.json at its top \(2 below\)"):
        opened("json")
    assert found(opened()) is None  # the directories may differ from the labels in those files
    assert "labels not read: 2 files are named dataset.json" in str(opened().usage)
    assert found(opened("folders")) == [0, 0, 1, 1, 2, 2] and "not read" not in str(opened("folders").usage)


def test_a_dataset_json_may_name_its_classes(opened, directory):
    with_json(directory, class_names=["owl", "dog", "cat"])
    assert opened().class_names == ("owl", "dog", "cat") and opened("folders").class_names == CLASSES
    with_json(directory, class_names=["owl"])
    assert opened().class_names == ()
    assert "class_names in dataset.json not read: it is not a list of 3 names" in str(opened().usage)


def test_names_of_directories_are_printable(opened, directory):
    (directory / "owl").rename(directory / "o\nwl")
    assert opened().class_names == ("cat", "dog", "o\\nwl")


@pytest.mark.parametrize("labels", ["folders", "json"])
@pytest.mark.parametrize("name", ["fashion-10k", "webdataset:{directory}/x.tar"])
def test_other_sets_know_auto_and_none(registry, directory, tmp_path, name, labels):
    (directory / "x.tar").touch()
    with pytest.raises(GanzooError, match=rf"data\.labels={labels}: \S+ knows only auto or none; set one of these"):
        peek_spec(registry, name.format(directory=directory), labels=labels, root=tmp_path)


def test_labels_of_a_named_set_can_be_left_out(registry, tmp_path):
    labelled, without = (open_images(registry, "fashion-10k", labels=how, root=tmp_path) for how in ("auto", "none"))
    assert labelled.spec.classes == 10 and len(labelled.class_names) == 10
    assert without.spec.classes == 0 and without.labels is None and without.class_names == ()
    assert without.fingerprint == labelled.fingerprint  # the images are the same


def test_a_configuration_decides(registry, directory, tmp_path):
    def spec(*settings):
        given = [f"data.name=folder:{directory}", f"data.root={tmp_path / 'root'}", *settings]
        return peek_configured(resolve(registry, "mlp+minimax", None, given))

    assert spec().classes == 3 and spec("data.labels=none").classes == 0
    with pytest.raises(GanzooError, match=r"labels is 'files', must be one of auto, folders, json, none"):
        spec("data.labels=files")


def old_key(directory: Path) -> str:
    """Return the fingerprint that a directory without dataset.json had before data.labels existed."""
    digest = hashlib.sha256()
    for file in sorted(directory.rglob("*.png"), key=lambda file: file.relative_to(directory).as_posix()):
        name = file.relative_to(directory).as_posix()
        digest.update(hashlib.sha256(file.read_bytes()).digest() + name.encode() + b"\0")
    digest.update(b"null")
    return hashlib.sha256(json.dumps([1, digest.hexdigest(), None, None, False]).encode()).hexdigest()


def test_what_was_decoded_without_labels_is_found_by_those_who_want_none(opened, directory, monkeypatch):
    keys = {labels: opened(labels).fingerprint for labels in ("json-or-none", "none")}
    assert set(keys.values()) == {old_key(directory)}
    labelled = opened()
    assert labelled.fingerprint != old_key(directory) and found(labelled) == [0, 0, 1, 1, 2, 2]
    monkeypatch.setattr(cache, "_write", lambda *_: pytest.fail("decoded again"))
    assert found(opened()) == [0, 0, 1, 1, 2, 2] and found(opened("none")) is None


def test_remembered_keys_of_one_set_are_told_apart(opened, directory, monkeypatch):
    """The remembered keys of the same files differ by data.labels; the files are old enough to be remembered."""
    monkeypatch.setattr("ganzoo.data.fingerprints.SETTLED_NS", 0)
    with_json(directory)
    for _ in range(2):
        keys = [opened(labels).fingerprint for labels in ("auto", "folders", "none")]
        assert len(set(keys)) == 3
        assert [found(opened(labels)) for labels in ("auto", "folders", "none")] == [
            [2, 2, 1, 1, 0, 0],
            [0, 0, 1, 1, 2, 2],
            None,
        ]
    (directory / "dataset.json").unlink()
    assert opened("none").fingerprint == old_key(directory) == keys[2]


def test_the_zip_of_cifar10_has_no_classes_in_directories(registry, tmp_path):
    with zipfile.ZipFile(tmp_path / "cifar10-32x32-train.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number % 2:05d}/{number}.png", png(image(32, 32, seed=number)))
    assert open_images(registry, "cifar10", root=tmp_path).labels is None


def test_a_set_kept_by_a_run_before_is_read_as_it_was(registry, directory, tmp_path):
    file = tmp_path / "config.yaml"
    data = {"name": f"folder:{directory}"}

    def labels(kept, **more):
        file.write_text(json.dumps({"recipe": "mlp+minimax", "data": {**data, **more}}))
        return resolve(registry, None, file, kept=kept).values.data.labels

    assert [labels(True), labels(False)] == ["json-or-none", "auto"]
    assert [labels(True, labels="folders"), labels(True, labels="auto")] == ["folders", "auto"]


def test_names_that_do_not_fit_are_a_mistake_of_the_plugin(registry, tmp_path, monkeypatch):
    source = "ganzoo_datasets.embedded.Fashion10k"
    monkeypatch.setattr(f"{source}.class_names", lambda _: ("shirt",), raising=False)
    with pytest.raises(GanzooError, match=r"fashion-10k: its source names 1 of 10 classes; fix class_names"):
        open_images(registry, "fashion-10k", root=tmp_path)
    monkeypatch.setattr(f"{source}.class_names", lambda _: tuple("abcdefghij"), raising=False)
    assert open_images(registry, "fashion-10k", root=tmp_path).class_names == tuple("abcdefghij")
