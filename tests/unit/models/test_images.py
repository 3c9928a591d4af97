"""Every written image shows its tensor pixel for pixel."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from support.images import open_images
from support.runs import start

from ganzoo.bench.leaderboard.samples import data_uri as record_uri
from ganzoo.cli.main import main
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.models.sampling import grid, sample, to_image
from ganzoo.runs.load import load_generator
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.image_grid import GAP, GRID, cut, read_grid, sheet
from ganzoo_hub.publish import write_publication
from ganzoo_play.game import read_game
from ganzoo_report.analysis.interpolation import between
from ganzoo_report.sheets import BUDGET, data_uri
from ganzoo_report.write import write_report


def drawn(count: int, channels: int, height: int = 9, width: int = 9) -> torch.Tensor:
    """Return random images, uint8 ``(N, C, H, W)``, in which no two rows or columns are equal."""
    rng = torch.Generator().manual_seed(count)
    return torch.randint(256, (count, channels, height, width), generator=rng, dtype=torch.uint8)


def shown(image: Image.Image) -> np.ndarray:
    """Return an image's pixels, ``(C, H, W)``."""
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def in_grid(image: Image.Image, place: int, columns: int, height: int, width: int) -> np.ndarray:
    row, column = divmod(place, columns)
    top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
    return shown(image)[:, top : top + height, left : left + width]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("count", "columns"), [(1, 1), (1, 8), (2, 8), (7, 3), (64, 8)])
def test_a_grid_shows_each_image(channels, count, columns):
    images = drawn(count, channels, 5, 7)
    pil_image = grid(images, columns)
    assert pil_image.mode == {1: "L", 3: "RGB"}[channels]
    used = min(columns, count)
    assert pil_image.size == (GAP + used * (7 + GAP), GAP + -(-count // used) * (5 + GAP))
    for place, image in enumerate(images):
        np.testing.assert_array_equal(in_grid(pil_image, place, used, 5, 7), image)
    assert shown(pil_image)[:, :GAP].min() == 255


@pytest.mark.parametrize("channels", [1, 3])
def test_one_image_becomes_a_pil_image_of_its_size_and_mode(channels):
    (image,) = drawn(1, channels, 5, 7)
    pil_image = to_image(image)
    assert pil_image.mode == {1: "L", 3: "RGB"}[channels] and pil_image.size == (7, 5)
    np.testing.assert_array_equal(shown(pil_image), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_is_cut_into_its_images_again(channels):
    images = drawn(GRID**2, channels)
    cells = cut(grid(images, GRID))
    assert cells is not None
    np.testing.assert_array_equal(cells, images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 6, 8])
def test_a_sheet_of_a_report_shows_each_image(channels, count):
    images = drawn(count, channels).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    uri = data_uri(images, BUDGET)
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))
    assert uri.startswith("data:image/png") and image.mode == {1: "L", 3: "RGB"}[channels]
    assert sheet(images, 4).tobytes() == image.tobytes()
    for place in range(count):
        top, left = (9 * step for step in divmod(place, 4))
        np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[top : top + 9, left : left + 9], images[place])


@pytest.fixture(scope="module", params=[1, 3], ids=["grey", "colour"])
def trained(request, registry, tmp_path_factory):
    """A short run's directory, its generator, and its number of channels."""
    place = tmp_path_factory.mktemp("images")
    for number, image in enumerate(drawn(20, request.param, 8, 8)):
        (place / "set").mkdir(exist_ok=True)
        to_image(image).save(place / f"set/{number:02d}.png")
    settings = [f"data.name=folder:{place / 'set'}", "generator.width=32", "discriminator.width=32", "loop.batch=16",
                "loop.kimg=0.128", "loop.device=cpu", "metrics.names=[]"]  # fmt: skip
    config = resolve(registry, "mlp+minimax", None, settings)
    directory = start(registry, config, Display(Console(quiet=True)), out=place / "run").directory
    return directory.path, load_generator(registry, directory.path, "latest", torch.device("cpu")), request.param


def made(generator, count: int, seed: int) -> torch.Tensor:
    return torch.cat(list(sample(generator, count, seed)))


@pytest.mark.parametrize("count", [1, 2, 101])
def test_single_pngs_are_the_generators_images(trained, registry, tmp_path, count):
    """The PNG files, read as a data set, equal the generator's array, so their FID is that of the tensors."""
    path, generator, channels = trained
    with pytest.raises(SystemExit):
        main(["sample", str(path), "-n", str(count), "--seed", "5", "--out", str(tmp_path / "made")])
    files = sorted((tmp_path / "made").iterdir())
    assert {Image.open(file).mode for file in files} == {{1: "L", 3: "RGB"}[channels]}
    again = open_images(registry, f"folder:{tmp_path / 'made'}", root=tmp_path / "root")
    np.testing.assert_array_equal(again.array, made(generator, count, 5))


@pytest.mark.parametrize("count", [1, 5, 16])
def test_a_png_of_samples_shows_them(trained, tmp_path, count):
    path, generator, channels = trained
    with pytest.raises(SystemExit):
        main(["sample", str(path), "-n", str(count), "--seed", "5", "--out", str(tmp_path / "grid.png")])
    image, images = Image.open(tmp_path / "grid.png"), made(generator, count, 5)
    assert image.mode == {1: "L", 3: "RGB"}[channels]
    if count == 1:
        np.testing.assert_array_equal(shown(image), images[0])
    else:
        assert image.tobytes() == grid(images, {5: 3, 16: 4}[count]).tobytes()


def test_a_runs_own_grids_show_its_generator_and_its_data(trained, registry):
    path, generator, channels = trained
    directory = RunDir.open(path)
    newest = max(directory.samples.glob("*.png"))
    images = made(generator, GRID**2, 0).expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(read_grid(newest), images)
    assert Image.open(newest).mode == Image.open(directory.verdicts / "real.png").mode == {1: "L", 3: "RGB"}[channels]
    real = read_grid(directory.verdicts / "real.png")
    known = {image.permute(1, 2, 0).expand(-1, -1, 3).numpy().tobytes() for image in drawn(20, channels, 8, 8)}
    assert real is not None and {image.tobytes() for image in real} == known
    game = read_game(directory, newest.stem)
    assert game is not None
    np.testing.assert_array_equal(game.sheet.convert("RGB"), sheet(np.concatenate([images, real]), 16).convert("RGB"))
    assert game.sheet.mode == {1: "L", 3: "RGB"}[channels]


def test_the_closer_look_shows_its_walks(trained, registry):
    from ganzoo_report.analysis.run import look_closer

    path, generator, channels = trained
    look_closer(registry, RunDir.open(path))
    image = Image.open(path / "closer/between.png")
    assert image.mode == {1: "L", 3: "RGB"}[channels]
    assert image.tobytes() == grid(between(generator, 0), GRID).tobytes()


def test_what_is_published_shows_the_images_of_seed_0(trained, registry, tmp_path):
    path, generator, _ = trained
    write_publication(registry, path, "latest", "hf://alice/set", tmp_path / "published")
    image = Image.open(tmp_path / "published/samples.png")
    assert image.tobytes() == grid(made(generator, 64, 0), 8).tobytes()


def test_a_reports_snapshots_show_the_grids(trained):
    path, _, _ = trained
    page = write_report(RunDir.open(path)).read_text(encoding="utf-8")
    uris = [part.partition('"')[0] for part in page.split('"data:image/png;base64,')[1:]]
    sheets = [np.asarray(Image.open(io.BytesIO(base64.b64decode(uri))).convert("RGB")) for uri in uris]
    cells = read_grid(max(RunDir.open(path).samples.glob("*.png")))
    assert cells is not None
    assert any(one[:8, :8].tobytes() == cells[0].tobytes() for one in sheets)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_leaderboards_image_of_a_record_is_its_grid(tmp_path, channels):
    """The image is exact up to 256 colours; more are reduced, since the page contains all grids."""
    images = drawn(GRID**2, channels)
    if channels == 3:
        images = images // 64 * 64  # 64 colours and the white between the images
    image = grid(images, GRID)
    image.save(tmp_path / "grid.png")
    uri = record_uri(tmp_path / "grid.png")
    found = Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))
    np.testing.assert_array_equal(found.convert("RGB"), image.convert("RGB"))
