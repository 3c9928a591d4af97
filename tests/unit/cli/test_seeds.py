"""`ganzoo sample --seeds` draws an image for each seed, the same in any list; and the file formats of a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo as zoo
from ganzoo.cli.main import main
from ganzoo.cli.options import LARGEST_SEED, MOST_SEEDS, read_seeds
from ganzoo.config.resolve import resolve
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.models.build import build_model
from ganzoo.models.sampling import to_uint8
from ganzoo.utils.image_files import save_image
from ganzoo.utils.image_grid import GAP

pytestmark = pytest.mark.seconds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("5", [5]),
        ("3,7,10-13", [3, 7, 10, 11, 12, 13]),
        (" 10-11, 2 ", [10, 11, 2]),
        ("4-4", [4]),
        (str(LARGEST_SEED), [LARGEST_SEED]),
    ],
)
def test_a_list_of_seeds_is_read(text, seeds):
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is not a seed or a range of seeds"),
        ("1,", "'' is not a seed or a range of seeds"),
        ("-1", "'-1' is not a seed or a range of seeds"),
        ("1.5", "'1.5' is not a seed"),
        ("1-2-3", "'1-2-3' is not a seed"),
        ("٣", "is not a seed"),
        ("3-1", "the range 3-1 descends; write 1-3"),
        (str(LARGEST_SEED + 1), f"is out of range; a seed is 0 to {LARGEST_SEED}"),
        ("0-" + "9" * 5000, "is out of range"),
        (f"0-{LARGEST_SEED}", f"more than {MOST_SEEDS} seeds"),
        (f"5,10-{10 + MOST_SEEDS - 1}", f"more than {MOST_SEEDS} seeds"),
        ("1-3,2", "lists 2 twice"),
    ],
)
def test_what_is_no_list_of_seeds_is_refused(text, says):
    with pytest.raises(GanzooError) as caught:
        read_seeds(text)
    assert says in str(caught.value)


def test_as_many_seeds_as_allowed_are_read_and_a_walk_may_repeat_them():
    assert len(read_seeds(f"0-{MOST_SEEDS - 1}")) == MOST_SEEDS
    assert read_seeds("1,2,1", repeated=True) == [1, 2, 1]


def test_an_image_depends_on_its_seed_alone(noisy):
    images = noisy.sample_seeds([3, 7, 10, LARGEST_SEED])
    assert images.shape == (4, 1, 8, 8) and images.dtype == torch.float32
    assert torch.equal(noisy.sample_seeds([LARGEST_SEED, 10, 3]), images[[3, 2, 0]])
    assert torch.equal(noisy.sample_seeds([7]), images[1:2])
    assert len({image.numpy().tobytes() for image in images}) == 4


def test_the_classes_of_seeds_can_be_chosen(noisy):
    one, two = (noisy.sample_seeds([5, 6], labels=label) for label in (1, 2))
    assert torch.equal(noisy.sample_seeds([5, 6], labels=torch.tensor([1, 2])), torch.stack([one[0], two[1]]))
    drawn = noisy.sample_seeds([5])[0]
    assert sum(torch.equal(drawn, noisy.sample_seeds([5], labels=label)[0]) for label in range(3)) == 1
    with pytest.raises(GanzooError, match="the class is 3, must be 0 to 2"):
        noisy.sample_seeds([5], labels=3)


def test_the_image_of_a_seed_is_the_first_that_it_draws(registry, tiny):
    generator = build_model(resolve(registry, "mlp+minimax", None, tiny("mlp")), ImageSpec(1, 28)).generator.eval()
    torch.testing.assert_close(generator.sample_seeds([4, 9])[1:], generator.sample(5, seed=9)[:1])


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("seeds")


@pytest.fixture(scope="module")
def run(place, _own_cache, tiny) -> zoo.Run:
    """A class-conditional run on three classes of images."""
    rng = np.random.default_rng(0)
    for name in ("bag", "coat", "shirt & tie"):
        (place / "set" / name).mkdir(parents=True)
        for number in range(6):
            Image.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8)).save(place / f"set/{name}/{number}.png")
    settings = dict(one.split("=", 1) for one in tiny("dcgan", kimg=0.064, batch=8))
    return zoo.train(
        "dcgan+hinge", data=f"folder:{place / 'set'}", out=place / "run",
        settings={**settings, "generator.conditional": True},
    )  # fmt: skip


@pytest.fixture
def command(place, run, capsys, monkeypatch):
    """A function that calls `ganzoo sample run` and returns what it printed."""
    monkeypatch.chdir(place)

    def call(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as stop:
            main(["sample", "run", *arguments])
        printed = capsys.readouterr()
        assert (stop.value.code or 0) == code, printed.err
        return printed.err if code else printed.out

    return call


def cells(file: Path, columns: int) -> list[np.ndarray]:
    pixels = np.asarray(Image.open(file))
    rows = (pixels.shape[0] - GAP) // (8 + GAP)
    places = [(GAP + row * (8 + GAP), GAP + column * (8 + GAP)) for row in range(rows) for column in range(columns)]
    return [pixels[top : top + 8, left : left + 8] for top, left in places]


def drawn(run: zoo.Run, seeds: list[int], labels=None) -> list[np.ndarray]:
    return list(to_uint8(run.generator(device="cpu").sample_seeds(seeds, labels=labels))[:, 0].numpy())


def test_a_grid_shows_an_image_of_each_seed(command, place, run):
    out = command("--seeds", "7,3,10-11", "--out", "grid.png")
    assert "4 images in a grid: grid.png" in out and "row by row, seeds: 7,3,10-11" in out
    np.testing.assert_array_equal(cells(place / "grid.png", 2), drawn(run, [7, 3, 10, 11]))
    command("--seeds", "3", "--out", "one.png")
    np.testing.assert_array_equal(np.asarray(Image.open(place / "one.png")), drawn(run, [3])[0])


def test_single_files_are_named_after_their_seeds(command, place, run):
    command("--seeds", "3,12345,7", "--class", "coat", "--out", "single")
    files = sorted(file.name for file in (place / "single").iterdir())
    assert files == ["seed0003.png", "seed0007.png", "seed12345.png"]
    found = [np.asarray(Image.open(place / "single" / name)) for name in files]
    np.testing.assert_array_equal(found, drawn(run, [3, 7, 12345], labels=1))


def test_each_class_is_drawn_from_the_same_seeds(command, place, run):
    out = command("--seeds", "3,7", "--per-class", "2", "--out", "rows.png")
    assert "a row for each class: bag, coat, shirt & tie" in out and "a column for each seed: 3,7" in out
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(cells(place / "rows.png", 2), drawn(run, [3, 7] * 3, labels))
    command("--seeds", "3,7", "--per-class", "2", "--out", "by-class")
    files = sorted(str(file.relative_to(place / "by-class")) for file in (place / "by-class").rglob("*.png"))
    names = ("0-bag", "1-coat", "2-shirt-tie")
    assert files == [f"{name}/seed000{seed}.png" for name in names for seed in (3, 7)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seeds", "1-3", "-n", "3"], "draws one image for each seed; leave out --count"),
        (["--seeds", "1-3", "--seed", "0"], "draws one image for each seed; leave out --seed"),
        (["--seeds", "1-3", "--per-class", "2"], "--per-class is 2, but --seeds lists 3; give --per-class 3"),
        (["--seeds", "3-1"], "the range 3-1 descends"),
        (["--seed", "99999999999999999999"], "--seed"),
        (["--out", "x.gif"], "cannot write x.gif: the suffix must be one of .png, .jpg, .jpeg, .webp"),
        (["--out", "x.TIFF"], "cannot write x.TIFF"),
        (["--out", "x.mp4"], "cannot write x.mp4"),
        (["-n", "2", "--out", "set/bag/0.png/x.png"], "cannot write set/bag/0.png/x.png"),
        (["-n", "2", "--out", "set/bag/0.png/x"], "cannot make set/bag/0.png/x"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(command, place, options, says):
    before = sorted(place.iterdir())
    err = command(*options, code=2)
    assert says in err and err.count("\n") == 1 and "unexpected" not in err
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "form", "most"), [("x.jpg", "JPEG", 3), ("x.JPEG", "JPEG", 3), ("x.webp", "WEBP", 0), ("x.png", "PNG", 0)]
)
def test_a_grid_is_written_in_the_format_of_its_suffix(command, place, name, form, most):
    command("--seeds", "1-9", "--out", "as.png")
    command("--seeds", "1-9", "--out", name)
    with Image.open(place / name) as image, Image.open(place / "as.png") as png:
        assert image.format == form and image.size == png.size
        apart = np.abs(np.asarray(image.convert("RGB")).astype(int) - np.asarray(png.convert("RGB")))
    assert apart.mean() <= most


def test_a_picture_beyond_its_format_is_refused(tmp_path):
    with pytest.raises(GanzooError, match="20000x4 pixels, WebP holds 16383 a side"):
        save_image(Image.new("L", (20000, 4)), tmp_path / "x.webp")
    assert list(tmp_path.iterdir()) == []
