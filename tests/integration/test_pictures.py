"""The pictures of the README: docs/make_pictures.py makes them, they are small and show the best records."""

from __future__ import annotations

import importlib
import re
from io import StringIO
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from rich_pixels import Pixels
from support.bench_records import make_record
from support.links import targets
from support.report_runs import write_grid, write_run

import ganzoo
from ganzoo.bench.record import write_record

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture
def made(monkeypatch):
    """A function that imports a script of ``docs/`` by name."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module


def results(place: Path, *records) -> Path:
    """Write records with grids of images and return the directory. The brightness increases from record to record."""
    for number, record in enumerate(records):
        file = place / record.grid / f"{number:03d}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        record.samples = f"{number:03d}.png"
        write_grid(file.with_suffix(".png"), np.full((64, 28, 28), 20 + 10 * number, dtype=np.uint8))
        write_record(file, record)
    return place


def test_the_readme_shows_what_the_script_makes_and_no_more(made):
    maker = made("make_pictures")
    shown = {ROOT / target for target in targets(ROOT / "README.md") if target.startswith("docs/assets/readme/")}
    assert shown == {maker.PLACE / file for file, _ in maker.PICTURES.values()} == set(maker.PLACE.iterdir())
    assert sum(picture.stat().st_size for picture in shown) <= maker.MOST <= 1_500_000


def test_an_unknown_picture_is_refused(made, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["make_pictures.py", "combination"])
    with pytest.raises(SystemExit) as stopped:
        made("make_pictures").main()
    assert stopped.value.code == 2
    assert "no picture combination; there are combinations, report" in capsys.readouterr().err


def test_each_combination_has_its_best_record(made, tmp_path):
    place = results(
        tmp_path,
        make_record("dcgan+minimax", fid=12.0, fakes=2000),
        make_record("dcgan+minimax", fid=11.0, fakes=10_000, seed=1),
        make_record("dcgan+minimax", fid=10.0, fakes=10_000, seed=2),
        make_record("mlp+minimax", fid=9.0, fakes=2000),
        make_record("mlp+minimax", fid=1.0, fakes=10_000, marks=["pretrained features"]),
        make_record("mlp+minimax", fid=1.0, fakes=10_000, grid="older/grid"),
        make_record("dcgan+minimax", fid=30.0, fakes=10_000, data="cifar10"),
        make_record("dcgan+hinge", failed="out of memory"),
    )
    best = made("make_combinations_picture").best_records(place)
    found = {data: [(record.recipe, record.scores["fid"]) for _, record in pairs] for data, pairs in best.items()}
    assert found == {
        "fashion-mnist": [("dcgan+minimax", 10.0), ("mlp+minimax", 9.0)],
        "cifar10": [("dcgan+minimax", 30.0)],
    }


def test_every_architecture_is_shown_before_a_second_loss_of_one(made, tmp_path):
    recipes = ["dcgan+minimax", "dcgan+hinge", "dcgan+wgan", "mlp+wgan", "sngan+hinge", "mlp+minimax"]
    maker = made("make_combinations_picture")
    records = [make_record(recipe, fid=10.0 + place) for place, recipe in enumerate(recipes)]
    found = maker.best_records(results(tmp_path, *records))["fashion-mnist"]
    chosen = [record.recipe for _, record in maker.choose(found, 4)]
    assert chosen == ["dcgan+minimax", "dcgan+hinge", "mlp+wgan", "sngan+hinge"]


def test_tiles_are_the_samples_in_a_section_for_each_data_set(made, tmp_path):
    maker = made("make_combinations_picture")
    one = maker.draw_combinations(results(tmp_path / "one", make_record("dcgan+minimax", fid=10.0)))
    both = maker.draw_combinations(
        results(tmp_path / "both", make_record("dcgan+minimax", fid=10.0, data="cifar10"),
                make_record("mlp+wgan", fid=20.0), make_record("dcgan+hinge", fid=15.0))
    )  # fmt: skip
    assert both.width == one.width
    assert both.height == 2 * one.height - maker.MARGIN
    first = maker.MARGIN + 10, maker.MARGIN + maker.TITLE + 10
    second = first[0] + maker.TILE + maker.GAP, first[1] + maker.TITLE + maker.TILE_HEIGHT + maker.LABEL
    assert one.getpixel(first) == both.getpixel(first) == (20, 20, 20, 255)
    assert both.getpixel(second) == (30, 30, 30, 255)  # mlp+wgan; dcgan+hinge is better and left of it
    assert both.getpixel((first[0], second[1])) == (40, 40, 40, 255)


def test_without_a_record_it_says_so(made, tmp_path):
    with pytest.raises(ganzoo.GanzooError, match="has no record with samples; train with `ganzoo bench`"):
        made("make_combinations_picture").draw_combinations(tmp_path)


@pytest.fixture
def drawn(made, tmp_path):
    """The terminal of a synthetic run, as SVG."""
    run = ganzoo.load(write_run(tmp_path / "run"))
    return made("make_terminal_picture").draw_terminal(run, "ganzoo run mlp+minimax")


def test_the_terminal_shows_the_end_of_the_run(drawn):
    root = ElementTree.fromstring(drawn)
    text = "".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "$ ganzoo run mlp+minimax",
        "mlp+minimax on fashion-10k, 4 kimg",
        "discriminator 1.2",
        "4.0/4 kimg",
        "score: ",
    ):
        assert words in text
    assert text.count("╭") == 1  # only the last frame


def test_the_terminal_loads_nothing_and_draws_images_without_a_font(drawn):
    assert set(re.findall(r"https?://[^\"\s]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|@font-face|url\((?!#)", drawn)
    assert not re.search(r">[▀▄]+</text>", drawn)


def test_half_blocks_become_squares_of_their_colours(made):
    maker = made("make_terminal_picture")
    console = Console(record=True, file=StringIO(), force_terminal=True, color_system="truecolor", width=20)
    console.print("above")
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 0)])
    console.print(Pixels.from_image(image))
    svg = maker.with_squares(console.export_svg(title="", code_format=maker.FORM, unique_id="terminal"))
    painted = {}
    for colour, path in re.findall(r'<path fill="(#\w+)" d="([^"]*)"/>', svg):
        for left, top, width, height in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path):
            cells = product(range(int(left), int(left) + int(width)), range(int(top), int(top) + int(height)))
            painted.update(dict.fromkeys(cells, colour))
    assert painted == {(0, 2): "#ff0000", (1, 2): "#00ff00", (0, 3): "#0000ff", (1, 3): "#ff0000"}
