"""Tests of `docs/invert.py`, the documented example of a command in one file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.cli.main import main
from ganzoo.models.sampling import save_image, to_image, to_uint8

INVERT = Path(__file__).parents[2] / "docs/invert.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny) -> Path:
    """A finished small run."""
    out = tmp_path_factory.mktemp("invert") / "run"
    with pytest.raises(SystemExit) as stop:
        main(["run", "mlp+minimax", *tiny("mlp"), "--out", str(out)])
    assert not stop.value.code
    return out


@pytest.fixture
def invert(capsys, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["invert", str(run), *arguments, "--plugin", str(INVERT)])
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return call


def test_it_finds_an_image_of_the_generator_again(invert, run, tmp_path):
    generator = ganzoo.load_generator(run, device="cpu")
    image = generator.sample(1, seed=5)[0]
    save_image(to_image(to_uint8(image)), tmp_path / "given.png")
    errors = []
    for steps in ("1", "60"):
        code, out, err = invert("given.png", "--steps", steps)
        assert code == 0, err
        errors.append(float(re.findall(r"error ([\d.]+)", out)[0]))
    assert errors[1] < errors[0] / 2
    latents = torch.from_numpy(np.load(tmp_path / "inverted.npy"))
    again = generator(latents[None])[0]
    assert (again - image).square().mean().item() == pytest.approx(errors[1], abs=1e-3)
    assert Image.open(tmp_path / "inverted.png").size == (2 * 28 + 6, 28 + 4)


def test_a_file_that_is_no_image_is_one_line(invert, tmp_path):
    (tmp_path / "given.png").write_text("text")
    code, _, err = invert("given.png")
    assert code == 2 and "cannot read given.png as an image" in err and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.png"]


def test_a_class_is_refused_for_a_generator_without_classes(invert, tmp_path):
    Image.new("L", (28, 28)).save(tmp_path / "given.png")
    code, _, err = invert("given.png", "--class", "3")
    assert code == 2 and "not class-conditional; leave --class out" in err and err.count("\n") == 1


def test_help_lists_it(capsys):
    with pytest.raises(SystemExit):
        main(["--help", "--plugin", str(INVERT)])
    assert re.search("invert +Find the latents of a given image.", capsys.readouterr().out)
