"""The usage of a set: counts of used, skipped and converted images, printed before training and kept with the run."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.images import open_images, peek_spec

from ganzoo.cli.main import main
from ganzoo.config.resolve import resolve
from ganzoo.data.channels import chosen_channels, convert
from ganzoo.data.factory import open_configured
from ganzoo.data.usage import Usage
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.models.build import build_model
from ganzoo.runs.images_used import say_usage
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir


def save(file: Path, mode: str = "RGB", size: tuple[int, int] = (8, 8), value: int = 100) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, 20, 30)).save(file)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "set"


@pytest.fixture
def opened(registry, directory, tmp_path):
    """A function that opens the directory, or a zip or shard made of it."""

    def opens(kind: str = "folder", **how):
        place = directory
        if kind == "zip":
            place = tmp_path / "set.zip"
            with zipfile.ZipFile(place, "w") as archive:
                for file in sorted(directory.rglob("*")):
                    archive.write(file, file.relative_to(directory))
        elif kind != "folder":
            place = tmp_path / "set.tar"
            with tarfile.open(place, "w") as archive:
                archive.add(directory, ".")
        return open_images(registry, f"{kind}:{place}", root=tmp_path / "root", **how)

    return opens


KINDS = ["folder", "zip", "webdataset", "webdataset-streamed"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_most_images_decide_between_grey_and_colour(opened, directory, kind, skip_bad):
    """The majority decides, not the first image by name, and the other images are converted."""
    for number in range(3):
        save(directory / f"a{number}.png", "L", value=50)
    for number in range(40):
        save(directory / f"b{number:02d}.png")
    images = opened(kind, skip_bad=skip_bad)
    array = np.array(images.array)
    assert array.shape == (43, 3, 8, 8) and images.spec.channels == 3
    assert (array[:3] == 50).all() and (array[3:, 0] == 100).all() and (array[3:, 2] == 30).all()
    assert "43 of 43 images: 3 converted from grey to colour" in str(images.usage)
    assert len(opened(kind, skip_bad=skip_bad)) == 43  # from the cache
    assert opened(kind, skip_bad=skip_bad).usage == images.usage


@pytest.mark.parametrize("kind", KINDS)
def test_grey_where_most_are_grey(opened, directory, kind):
    save(directory / "a.png")
    for number in range(3):
        save(directory / f"b{number}.png", "L")
    array = np.array(opened(kind).array)
    grey = np.asarray(Image.new("RGB", (8, 8), (100, 20, 30)).convert("L"))
    assert array.shape == (4, 1, 8, 8)
    np.testing.assert_array_equal(array[0, 0], grey)


@pytest.mark.parametrize(("channels", "shape"), [("1", (4, 1, 8, 8)), ("3", (4, 3, 8, 8)), ("auto", (4, 1, 8, 8))])
def test_channels_can_be_asked_for(opened, directory, registry, tmp_path, channels, shape):
    save(directory / "a.png")
    for number in range(3):
        save(directory / f"b{number}.png", "L")
    images = opened(channels=channels)
    assert images.array.shape == shape
    assert peek_spec(registry, f"folder:{directory}", root=tmp_path / "root", channels=channels) == images.spec
    assert images.usage is not None and sum(images.usage.converted.values()) == (3 if channels == "3" else 1)


def test_a_named_set_in_other_channels(registry, tmp_path):
    colour = open_images(registry, "fashion-10k", channels="3", root=tmp_path)
    grey = open_images(registry, "fashion-10k", channels="1", root=tmp_path)
    assert colour.array.shape == (10000, 3, 28, 28)
    np.testing.assert_array_equal(colour.array[:50, 1], grey.array[:50, 0])
    assert grey.fingerprint == open_images(registry, "fashion-10k", root=tmp_path).fingerprint


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_most_is_kept(opened, directory, kind):
    save(directory / "a.png", size=(16, 16))
    save(directory / "b.png", size=(9, 9))
    for number in range(5):
        save(directory / f"c{number}.png")
    with pytest.raises(GanzooError, match=r"9x9, .*a\.png is 16x16; set data\.size=N"):
        opened(kind)
    images = opened(kind, skip_bad=True)
    assert images.array.shape == (5, 3, 8, 8) and {Path(name).name for name in images.skipped} == {"a.png", "b.png"}
    assert "5 of 7 images: 2 of another size than 8x8 skipped" in str(images.usage)


def test_unreadable_images_are_counted_and_named(opened, directory):
    save(directory / "a.png")
    for number in range(5):
        (directory / f"b{number}.png").write_bytes(b"no image")
    usage = opened(skip_bad=True).usage
    assert str(usage) == "1 of 6 images: 5 unreadable skipped (b0.png, b1.png, b2.png and 2 more)"


@pytest.mark.parametrize("kind", KINDS)
def test_copies_in_hidden_directories_are_not_images(opened, directory, kind):
    for number in range(10):
        save(directory / f"dogs/{number}.png", value=number)
        save(directory / f"dogs/.ipynb_checkpoints/{number}-checkpoint.png", value=number)
    save(directory / "__MACOSX/dogs/._0.png")
    save(directory / "dogs/._1.png")
    (directory / "Thumbs.db").write_bytes(b"x")
    usage = opened(kind).usage
    assert usage is not None and usage.used == 10
    assert "10 of 22 images: 11 in hidden directories skipped, 1 hidden skipped" in str(usage)


def test_a_set_may_lie_in_a_hidden_directory(registry, tmp_path):
    save(tmp_path / ".hidden/set/a.png")
    assert len(open_images(registry, f"folder:{tmp_path}/.hidden/set", root=tmp_path / "root")) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_other_formats_are_counted(opened, directory, kind):
    for number in range(20):
        save(directory / f"{number}.png")
    for suffix, count in ((".bmp", 15), (".TIFF", 12), (".gif", 8)):
        for number in range(count):
            save(directory / f"other/{number}{suffix}")
    (directory / "notes.txt").write_text("no image")
    skipped = ", ".join(f"{other} (not PNG, JPEG or WebP) skipped" for other in ("15 .bmp", "12 .tiff", "8 .gif"))
    assert f"20 of 55 images: {skipped}" in str(opened(kind, formats="basic").usage)


def test_a_set_of_other_formats_alone_says_so(opened, directory):
    save(directory / "a.bmp")
    with pytest.raises(GanzooError, match=r"holds no PNG, JPEG or WebP files \(1 \.bmp "):
        opened(formats="basic")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_labels_in_a_tree_are_found(opened, directory, kind):
    for number in range(3):
        save(directory / f"tree/{number}.png")
    labels = {"labels": [[f"{number}.png", 2 - number] for number in range(3)]}
    (directory / "tree/dataset.json").write_text(json.dumps(labels))
    images = opened(kind)
    assert images.labels is not None and images.labels.tolist() == [2, 1, 0] and images.spec.classes == 3


def test_labels_that_cannot_be_told_apart_are_said_not_to_be_read(opened, directory):
    for tree in "ab":
        save(directory / f"{tree}/0.png")
        (directory / f"{tree}/dataset.json").write_text('{"labels": [["0.png", 0]]}')
    images = opened()
    assert images.labels is None
    assert (
        str(images.usage) == "2 of 2 images; labels not read: 2 files are named dataset.json, none of them at the top"
    )


def test_labels_of_hidden_copies_go_with_them(opened, directory):
    save(directory / "a.png")
    save(directory / ".hidden/a.png")
    (directory / "dataset.json").write_text('{"labels": [["a.png", 1], [".hidden/a.png", 1]]}')
    assert opened().labels.tolist() == [1]


def test_peeking_sees_what_most_images_are(registry, directory, tmp_path):
    save(directory / "a.png", "L", (16, 16))
    for number in range(9):
        save(directory / f"b{number}.png")
    (directory / "0.png").write_bytes(b"no image")
    assert peek_spec(registry, f"folder:{directory}", root=tmp_path / "root") == ImageSpec(3, 8, 0)
    assert not (tmp_path / "root/cache").exists()


@pytest.mark.parametrize("sizes", [(16, 8), (8, 16)])
def test_peeking_decides_a_tie_as_decoding_does(registry, opened, directory, tmp_path, sizes):
    for number, size in enumerate(sizes):
        save(directory / f"{number}.png", size=(size, size))
    peeked = peek_spec(registry, f"folder:{directory}", root=tmp_path / "root")
    assert peeked == opened(skip_bad=True).spec == ImageSpec(3, sizes[0], 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_header_tells_the_upright_size(orientation):
    from ganzoo.data.decode import decode_named, measure

    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.new("L", (6, 4)).save(stream, "JPEG", exif=exif)
    assert measure(stream.getvalue()) == decode_named("", stream.getvalue()).pixels.shape


def test_a_split_that_a_set_lacks_is_refused(registry, directory, tmp_path, capsys):
    save(directory / "a.png")
    for name in (f"folder:{directory}", "fashion-10k"):
        with pytest.raises(SystemExit) as left:
            main(["run", "mlp+minimax", f"data.name={name}", "data.split=test", "--dry-run"])
        assert left.value.code == 2 and "data.split=test: " in capsys.readouterr().err


def test_a_run_says_it_and_keeps_it(directory, tmp_path, capsys):
    for number in range(6):
        save(directory / f"{number}.png", value=number)
        save(directory / f".trash/{number}.png")
    save(directory / "grey.png", "L")
    (directory / "dataset.json").write_text(
        json.dumps({"labels": [*([f"{number}.png", number] for number in range(6)), ["grey.png", 0]]})
    )
    place = tmp_path / "run"
    settings = ["generator.width=8", "discriminator.width=8", "loop.batch=4", "loop.kimg=0.016", "loop.device=cpu",
                "metrics.names=[]", f"data.root={tmp_path / 'root'}"]  # fmt: skip
    said = (
        "7 of 13 images: 6 in hidden directories skipped, 1 converted from grey to colour; "
        "labels of 6 classes are not used: neither network is class-conditional"
    )
    for command in (["run", "mlp+minimax", f"data.name=folder:{directory}", *settings, "--out", str(place)],
                    ["resume", str(place)]):  # fmt: skip
        with pytest.raises(SystemExit) as left:
            main(command)
        out = capsys.readouterr().out
        assert left.value.code == 0 and out.count(f"folder:{directory}: {said}") == 1
        assert out.index(said) < out.index("mlp+minimax on")
        kept = RunDir.open(place).provenance()["data"]
        assert (kept["used"], kept["found"]) == (7, 13)
        assert kept["skipped"] == {"in hidden directories": 6} and kept["converted"] == {"grey to colour": 1}
        assert str(Usage.read(kept)) == said
    assert said in " ".join((place / "report.html").read_text().split())
    assert read_facts(RunDir.open(place)).provenance["data"]["used"] == 7


def test_a_whole_set_is_said_too(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["run", "mlp+minimax", "generator.width=8", "discriminator.width=8", "loop.batch=4", "loop.kimg=0.008",
              "loop.device=cpu", "metrics.names=[]", "--out", str(tmp_path / "run")])  # fmt: skip
    said = capsys.readouterr().out
    assert "fashion-10k: 10,000 of 10,000 images; labels of 10 classes are not used" in said and "warning" not in said


@pytest.mark.parametrize("noted", [None, 3, [], {}, {"used": "x"}, {"used": -1}, {"used": True}])
def test_a_damaged_note_is_none(noted):
    assert Usage.read(noted) is None


def test_a_note_is_read_as_it_was():
    usage = Usage(5, {"hidden": 2}, {"grey to colour": 1}, ("a",), ("so",))
    assert Usage.read(usage.as_dict()) == replace(usage, named=())
    assert Usage.read({"used": 5, "skipped": 3, "converted": {"a": "b"}, "remarks": "x"}) == Usage(5)


def test_channels_are_converted_both_ways():
    colour = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    red, green, blue = colour.astype(float)
    np.testing.assert_allclose(convert(colour, 1)[0], 0.299 * red + 0.587 * green + 0.114 * blue, atol=1)
    assert (convert(colour[:1], 3) == colour[:1]).all() and convert(colour, 3) is colour
    assert chosen_channels("auto", {1: 2, 3: 2}) == 3 and chosen_channels("1", {3: 9}) == 1


@pytest.mark.parametrize(
    ("recipe", "settings", "says"),
    [
        ("dcgan+hinge", ["generator.conditional=true"], "labels of 10 classes given to the generator and the "
                                                        "discriminator"),
        ("dcgan+hinge+acgan", ["generator.conditional=true", "discriminator.conditional=false"],
         "labels of 10 classes given to the generator and read by acgan"),
        ("dcgan+hinge", ["data.labels=none"], "no labels, as data.labels=none"),
    ],
)  # fmt: skip
def test_the_line_says_which_network_is_given_labels(registry, tiny, recipe, settings, says):
    config = resolve(registry, recipe, None, [*tiny("dcgan"), *settings])
    images = open_configured(config)
    usage = say_usage(config, images, build_model(config, images.spec))
    assert str(usage) == f"10,000 of 10,000 images; {says}" and usage.whole
