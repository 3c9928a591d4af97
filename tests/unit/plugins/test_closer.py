"""The closer look at a generator: neighbours, walks, truncation, and its section in the report."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from support.report_runs import write_look, write_run
from support.runs import start

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.data.dataset import Images
from ganzoo.entries import ImageSpec
from ganzoo.models.build import build_model
from ganzoo.models.sampling import sample
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.image_grid import GRID, read_grid
from ganzoo_report.analysis.interpolation import between, slerp, truncated
from ganzoo_report.analysis.nearest_neighbors import closest, nearest
from ganzoo_report.analysis.run import look_closer, look_or_say_why
from ganzoo_report.closer import COUNT, copying, read_look, section
from ganzoo_report.diagnosis import diagnose
from ganzoo_report.places import analysis_directory, analysis_file
from ganzoo_report.story import Story

pytestmark = pytest.mark.seconds

NOWHERE = torch.full((5,), -1)


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def real_images(array: np.ndarray) -> Images:
    return Images(array, None, ImageSpec(array.shape[1], array.shape[2]), "own", "train", "fingerprint")


class Mirrored:
    """A feature reader that returns the mean brightness of each half, so that features and pixels disagree."""

    features = ("halves",)

    def read(self, chunks, count, stage):
        images = torch.cat(list(chunks)).float()
        assert len(images) == count
        half = images.shape[-1] // 2
        return {"halves": torch.stack([images[..., :half].mean((1, 2, 3)), images[..., half:].mean((1, 2, 3))], 1)}


def test_the_closest_are_those_of_every_pair():
    queries, others = rows(5, 7), rows(50, 7, seed=1)
    place, near = closest(queries, others.split(8), 3, NOWHERE)
    apart = torch.cdist(queries, others)
    expected, order = apart.topk(3, largest=False)
    assert torch.equal(place, order)
    torch.testing.assert_close(near, expected)


def test_an_image_of_the_set_is_not_its_own_neighbour():
    others = rows(20, 3)
    own = torch.tensor([4, 11, 0, 19, -1])
    place, near = closest(others[own.clamp_min(0)], others.split(6), 1, own)
    assert (place[:4, 0] != own[:4]).all() and (near[:4] > 0).all()
    assert place[4, 0] == 0 and near[4] == 0
    with pytest.raises(ValueError, match="fewer than 1"):
        closest(others[:1], [others[:1]], 1, torch.tensor([0]))


def test_pixels_find_a_copy_and_features_decide_where_they_are_read():
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (300, 1, 8, 8)).astype(np.uint8)
    queries = torch.from_numpy(array[[7, 250]])
    nowhere = torch.tensor([-1, -1])
    found = nearest(queries, nowhere, real_images(array), seed=0)
    assert (found.space, found.searched, found.compared) == ("pixels", 300, 0)
    assert found.index.tolist() == [7, 250] and found.distance.tolist() == [0, 0]
    own = nearest(queries, torch.tensor([7, 250]), real_images(array), seed=0)
    assert not set(own.index.tolist()) & {7, 250}

    read = nearest(queries, nowhere, real_images(array), 0, Mirrored(), None, chosen=4)
    assert read.space == "features" and read.searched == 300 and 4 <= read.compared <= 8
    assert read.index.tolist() == [7, 250] and read.distance.tolist() == [0, 0]

    shuffled = array[::-1].copy()  # features in the reverse order of the pixels
    kept = Mirrored().read([torch.from_numpy(shuffled)], 300, "")["halves"]
    whole = nearest(queries, nowhere, real_images(array), 0, Mirrored(), kept)
    assert whole.index.tolist() == [292, 49] and (whole.space, whole.compared) == ("features", 300)


def test_a_small_set_is_compared_whole():
    """The number of candidates, 16, is larger than the set of 5 images."""
    array = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8)).astype(np.uint8)
    found = nearest(torch.from_numpy(array), torch.arange(5), real_images(array), 0, Mirrored(), None, chosen=16)
    assert (found.space, found.searched, found.compared) == ("features", 5, 5)
    assert (found.index != np.arange(5)).all()


def test_a_set_that_is_too_large_is_searched_in_part(monkeypatch):
    monkeypatch.setattr("ganzoo_report.analysis.nearest_neighbors.MOST", 0)
    array = np.random.default_rng(0).integers(0, 256, (1500, 1, 4, 4)).astype(np.uint8)
    found = nearest(torch.from_numpy(array[:40]), torch.arange(40), real_images(array), seed=3)
    assert found.searched == 1000 and (found.index != np.arange(40)).all() and (found.distance > 0).all()


def test_large_images_are_compared_small():
    array = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64)).astype(np.uint8)
    found = nearest(torch.from_numpy(array[3:4]), torch.tensor([-1]), real_images(array), seed=0)
    assert found.index.tolist() == [3]


def test_slerp_keeps_to_the_arc():
    one, two = rows(64), rows(64, seed=1)
    path = slerp(one, two, torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(path[0], one)
    torch.testing.assert_close(path[2], two)
    assert path[1].norm() == pytest.approx(float((one.norm() + two.norm()) / 2), rel=0.1)
    torch.testing.assert_close(slerp(one, one, torch.tensor([0.3]))[0], one)


@pytest.mark.parametrize("classes", [0, 10])
def test_walks_begin_at_the_first_samples(registry, tiny, classes):
    config = resolve(registry, "mlp+minimax", None, tiny("mlp"))
    generator = build_model(config, ImageSpec(1, 28, classes)).generator.eval()
    frames = between(generator, 5)
    first = torch.cat(list(sample(generator, GRID, 5)))
    assert frames.shape == (GRID**2, 1, 28, 28) and torch.equal(frames[::GRID], first)
    assert not torch.equal(frames[1], frames[0])
    with pytest.raises(ValueError, match="no truncation"):
        truncated(generator, 5)


def test_truncation_goes_from_one_mean_to_the_images(registry, tiny):
    config = resolve(registry, "stylegan-lite+non-saturating", None, tiny("stylegan-lite"))
    generator = build_model(config, ImageSpec(1, 28)).generator.eval()
    steps = truncated(generator, 0).unflatten(0, (GRID, GRID))
    assert (steps[:, 0] == steps[0, 0]).all()
    assert torch.equal(steps[:, -1], between(generator, 0)[::GRID])
    assert not torch.equal(steps[0, -1], steps[1, -1])


@pytest.fixture(scope="module")
def trained(registry, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "run"
    settings = ["generator.width=8", "discriminator.width=8", "loop.kimg=0.128", "loop.batch=16", "loop.device=cpu"]
    config = resolve(registry, "stylegan-lite+wgan-gp", None, [*settings, "metrics.names=[]"])
    start(registry, config, Display(Console(quiet=True)), out=path)
    return RunDir(path)


def test_a_look_is_the_same_whenever_it_is_taken_and_taken_once(registry, trained):
    look_closer(registry, trained)
    files = sorted(analysis_directory(trained.path).iterdir())
    assert [file.name for file in files] == ["between.png", "look.json", "nearest.png", "truncation.png"]
    first = {file.name: file.read_bytes() for file in files}
    (analysis_directory(trained.path) / "between.png").unlink()
    look_closer(registry, trained)
    assert not (analysis_directory(trained.path) / "between.png").exists()  # look.json exists: nothing is written
    analysis_file(trained.path).unlink()  # as after an interrupted look
    look_closer(registry, trained)
    assert {file.name: file.read_bytes() for file in analysis_directory(trained.path).iterdir()} == first
    story = read_grid(max(trained.samples.glob("*.png")))
    assert (read_grid(analysis_directory(trained.path) / "nearest.png")[:COUNT] == story[:COUNT]).all()
    look = read_look(trained)
    assert look.kimg == 0.128 and look.nearest.searched == 10000 and look.nearest.space == "pixels"
    assert look.truncation is not None and min(look.nearest.real) > 0


def test_images_that_the_run_was_not_trained_on_are_not_searched(registry, trained, monkeypatch, logged):
    analysis_file(trained.path).unlink(missing_ok=True)
    monkeypatch.setattr("ganzoo_report.analysis.run.fingerprint_of", lambda origin: "of other images")
    look_closer(registry, trained)
    assert read_look(trained).nearest is None
    assert any("leaves out the nearest real images: the images of fashion-10k have changed" in line for line in logged)
    analysis_file(trained.path).unlink()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_look_at_a_run_on_a_few_images(registry, tiny, tmp_path, logged, count):
    array = np.random.default_rng(0).integers(0, 256, (count, 8, 8)).astype(np.uint8)
    (tmp_path / "set").mkdir()
    for number, pixels in enumerate(array):
        Image.fromarray(pixels).save(tmp_path / f"set/{number}.png")
    settings = [*tiny("mlp", kimg=0.032), f"data.name=folder:{tmp_path / 'set'}"]
    config = resolve(registry, "mlp+minimax", None, settings)
    start(registry, config, Display(Console(quiet=True)), out=tmp_path / "run")
    logged.clear()
    look_or_say_why(registry, tmp_path / "run")
    look = read_look(RunDir(tmp_path / "run"))
    assert look is not None and look.between is not None
    page = section(look)
    if count == 1:
        assert look.nearest is None and "left out: the data set has no two different images" in page
        assert logged == ["the closer look leaves out the nearest real images: the data set has a single image"]
    else:
        assert look.nearest.searched == count and "left out: the" not in page and not logged


def test_a_look_that_fails_is_one_line(registry, trained, tmp_path, logged):
    look_or_say_why(registry, tmp_path)
    assert len(logged) == 1 and "no closer look" in logged[0] and "\n" not in logged[0]


def test_copies_are_marked_and_diagnosed(tmp_path):
    directory = RunDir(write_run(tmp_path))
    write_look(tmp_path, generated=[0.1, 0.2] + [9.0] * 14)
    look = read_look(directory)
    assert look.nearest.copies == 2 and "2 of the 16" in copying(look.nearest)
    titles = [finding.title for finding in diagnose(read_facts(directory), Story((), None), look)]
    assert titles[0] == "Copying suspected" and "No trouble seen" not in titles
    page = section(look)
    assert page.count('class="copy"') == 2 and "<span>0.9</span>" in page
    assert "the 96 whose pixels come nearest" in page and "test set, never trained on" in page


@pytest.mark.parametrize(("far", "words"), [(9.0, "none of them suspiciously close"), (30.0, "not look quite like")])
def test_what_is_no_copy_is_said_to_be_none(tmp_path, far, words):
    write_look(tmp_path, generated=[far] * 16)
    assert "No sign of copying" in copying(read_look(RunDir(tmp_path)).nearest)
    assert words in copying(read_look(RunDir(tmp_path)).nearest)


@pytest.mark.parametrize("damage", [{"generated": [1.0]}, {"real": [0.0] * 16}, {"space": "<b>"}, {"real": None},
                                    {"generated": [float("nan")] * 16}, {"compared": "x"}])  # fmt: skip
def test_a_damaged_look_is_left_out(tmp_path, damage):
    write_look(tmp_path, **damage)
    look = read_look(RunDir(tmp_path))
    assert look.nearest is None and look.between is not None
    (tmp_path / "closer/between.png").write_bytes(b"no image")
    left = section(read_look(RunDir(tmp_path)))
    assert "Truncation" in left and "Does it copy?" not in left and "From one image" not in left
    (tmp_path / "closer/look.json").write_text("[]")
    assert read_look(RunDir(tmp_path)) is None
    assert "There is none yet" in section(None)
