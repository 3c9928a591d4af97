"""Plugins written from the documentation alone. One run uses a class-conditional BigGAN, ACGAN, LeCam, a data source
and a metrics sink, none of them part of ganzoo, and the commands work with this run."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from support import outside

import ganzoo
from ganzoo.cli.main import main
from ganzoo.models.sampling import save_image, to_image, to_uint8
from ganzoo.runs.checkpoint import list_checkpoints
from ganzoo.testing.devices import COMPARABLE, Job, compare, train, train_on
from ganzoo.utils.files import read_jsonl

OUTSIDE = Path(outside.__file__).parent
INVERT = Path(__file__).parents[2] / "docs/invert.py"
FILES = sorted(OUTSIDE.glob("outside_*.py"))
RECIPE = "outside-biggan+hinge+outside-acgan+outside-lecam+diffaug"
SIZE, NAMES = 8, ["bag", "boot", "shirt"]  # NAMES is in the order of the labels
TABLE = "garments.csv"
TOLERANCE = 1e-4  # between runs of one process and of two, as in test_devices.py
SHORT = ["loop.batch=12", "loop.kimg=0.096", "loop.log_kimg=0.012", "loop.snapshot_kimg=0.024"]
LONG = [
    *("loop.device=cpu", "loop.batch=16", "loop.kimg=2.4", "loop.log_kimg=0.4", "loop.snapshot_kimg=2.4"),
    *("metrics.names=[]", "optimizer.generator.lr=2e-3", "optimizer.discriminator.lr=2e-3"),
    "ema.half_life_kimg=0.1",
]

pytestmark = pytest.mark.long


def write_table(file: Path) -> list[np.ndarray]:
    """Write 96 noisy images of three classes; return the mean image of each class, in [-1, 1]."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (96, SIZE, SIZE))
    images[0::3, 2:6, 2:6] += 150
    images[1::3, :4] += 150
    images[2::3, :, :4] += 150
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow([*(f"pixel{number}" for number in range(SIZE**2)), "kind"])
        writer.writerows([*image.ravel(), NAMES[number % 3]] for number, image in enumerate(images))
    return [images[label::3].mean(0) / 127.5 - 1 for label in range(3)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The directory of the table, as the working directory; GANZOO_PLUGINS_DIR loads every plugin of `FILES`."""
    directory = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_PLUGINS_DIR", str(OUTSIDE))
        patch.chdir(directory)
        yield directory


@pytest.fixture(scope="module")
def means(place) -> torch.Tensor:
    """The mean image of each class, `(3, 64)` in [-1, 1]."""
    return torch.tensor(np.stack(write_table(place / TABLE)), dtype=torch.float32).flatten(1)


@pytest.fixture(scope="module")
def data(place, means) -> list[str]:
    """Settings that select the table as data."""
    return [f"data.name=outside-table:{place / TABLE}", "data.options.label=kind"]


@pytest.fixture(scope="module")
def short(place, data) -> Path:
    """A short run without interruptions."""
    train([Job(RECIPE, [*COMPARABLE, *data, *SHORT], str(place / "short"))])
    return place / "short"


@pytest.fixture(scope="module")
def run(place, data) -> Path:
    """A run that is long enough to learn the classes."""
    train([Job(RECIPE, [*data, *LONG], str(place / "run"))])
    return place / "run"


@pytest.fixture
def call(place, capsys):
    """A function that runs the command line and returns its exit code, stdout and stderr."""

    def called(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return called


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_plugin_conforms(file, call, data, place):
    code, out, err = call(
        *("plugins", "check", str(file), "--location", str(place / TABLE), "--json"),
        *("--set", "data.options.label=kind", "--set", "generator.width=4", "--set", "discriminator.width=4"),
    )
    assert code == 0, out + err
    checks = json.loads(out)[0]["checks"]
    skipped = {check["check"] for check in checks if check["status"] == "skipped"}
    assert skipped <= {"cheap_import", "life_cycle", "patches", "truncation"}
    assert len(checks) > len(skipped) + 3


def test_a_dry_run_tells_the_classes(call, data):
    code, out, err = call("run", RECIPE, *data, "--dry-run")
    assert code == 0, err
    assert "of 3 classes" in out


def test_what_cannot_be_is_refused_in_one_line(call, data, place):
    cases = {
        "outside-lecam: this line names the key": (["penalties.outside-lecam.weight=1"], "'penalties.outside_lecam"),
        "a column too many": (["data.options.label="], "65 columns of pixels"),
        "no labels": (["data.labels=none"], "data.labels=none drops them; set it to auto"),
        "no such column": (["data.options.label=colour"], "has no column 'colour'"),
    }
    for settings, says in cases.values():
        code, _, err = call("run", RECIPE, *data, *settings, "--dry-run")
        assert code == 2 and says in err and err.count("\n") == 1


def test_both_networks_learn_the_classes(run, means):
    generator = ganzoo.load(run).generator()
    for label in range(3):
        images = generator.sample(64, labels=label).flatten(1)
        assert (torch.cdist(images, means).argmin(1) == label).float().mean() > 0.9
    records = ganzoo.load(run).log
    for network in ("discriminator", "generator"):
        key = f"penalty_outside-acgan_{network}"
        assert records[-1][key] < 0.7 * records[0][key]
    assert ganzoo.load(run).class_names == tuple(NAMES)


class Interrupt(ganzoo.Callback):
    """Raise KeyboardInterrupt after 60 images, between two checkpoints."""

    def interval_logged(self, run, record):
        if record["shown"] == 60:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def resumed(short, place) -> Path:
    """A run with the configuration of the short run, interrupted in the middle and resumed."""
    path = place / "resumed"
    with pytest.raises(KeyboardInterrupt):
        ganzoo.train(None, config=short / "config.yaml", out=path, callbacks=[Interrupt()])
    assert list_checkpoints(path / "checkpoints")[-1].meta["shown"] == 48
    with pytest.raises(SystemExit) as stop:
        main(["resume", str(path)])
    assert not stop.value.code
    return path


def test_stopped_and_resumed_is_undisturbed_bit_for_bit(short, resumed):
    one, other = (list_checkpoints(directory / "checkpoints") for directory in (short, resumed))
    assert [checkpoint.path.name for checkpoint in one] == [checkpoint.path.name for checkpoint in other]
    files = sorted(one[-1].path.glob("*.safetensors"))
    assert {"generator", "discriminator", "ema", "augmentation", "penalty_outside-lecam"} == {f.stem for f in files}
    for file in files:
        assert file.read_bytes() == (other[-1].path / file.name).read_bytes(), file.name
    averages = [load_file(checkpoint.path / "penalty_outside-lecam.safetensors") for checkpoint in one]
    assert all(not torch.equal(averages[-1][name], averages[-2][name]) for name in ("real", "fake"))


def test_the_sink_has_one_row_for_each_interval_of_a_resumed_run(resumed):
    with (resumed / "intervals.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    records = read_jsonl(resumed / "log.jsonl")
    assert len(rows) == len(records) == 8
    assert [float(row["loss_generator"]) for row in rows] == [record["loss_generator"] for record in records]
    assert all(float(row["penalty_outside-lecam"]) >= 0 for row in rows)


def test_two_processes_train_what_one_trains(short, place, data):
    train_on(2, [Job(RECIPE, [*COMPARABLE, *data, *SHORT], str(place / "two"))], place / "jobs.json")
    found = compare(short, place / "two")
    assert found.weights < TOLERANCE and found.logged < TOLERANCE
    assert found.moved > 100 * TOLERANCE


def test_the_exported_generator_takes_labels(run, call, place):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    code, out, err = call("export", str(run), "--out", str(place / "generator.onnx"))
    assert code == 0, err
    assert "input: labels" in out and "bag, boot, shirt" in out
    generator = ganzoo.load(run).generator(device="cpu")
    latents = generator.sample_latents(6, torch.Generator().manual_seed(0))
    labels = torch.arange(6) % 3
    session = onnxruntime.InferenceSession(place / "generator.onnx", providers=["CPUExecutionProvider"])
    (images,) = session.run(None, {"latents": latents.numpy(), "labels": labels.numpy()})
    with torch.no_grad():
        expected = generator(latents, labels)
    torch.testing.assert_close(torch.from_numpy(images), expected, rtol=0, atol=1e-4)


def test_samples_of_a_class_and_of_each_class(run, call, place, means):
    def nearest(*files: Path) -> list[int]:
        pixels = torch.stack([torch.from_numpy(np.asarray(Image.open(file), np.float32)) for file in files])
        return torch.cdist(pixels.flatten(1) / 127.5 - 1, means).argmin(1).tolist()

    assert call("sample", str(run), "-n", "10", "--class", "Shirt", "--out", str(place / "shirts"))[0] == 0
    assert nearest(*(place / "shirts").glob("*.png")).count(2) >= 9
    code, _, err = call("sample", str(run), "--per-class", "4", "--out", str(place / "each"))
    assert code == 0, err
    for label, name in enumerate(NAMES):
        files = [file for file in (place / "each").rglob("*.png") if name in file.parent.name]
        assert len(files) == 4 and nearest(*files).count(label) >= 3
    code, _, err = call("sample", str(run), "--class", "shoe")
    assert code == 2 and "there is no class 'shoe'; " in err and "the classes are bag, boot, shirt" in err


def test_the_page_to_play_with_names_the_classes(run, call, place):
    pytest.importorskip("onnx")
    code, _, err = call("play", str(run), "--no-serve", "--out", str(place / "play"))
    assert code == 0, err
    assert '"classes":["bag","boot","shirt"]' in (place / "play/index.html").read_text()


def test_the_card_says_class_conditional(run, call, place):
    code, _, err = call("push", str(run), "somebody/garments", "--out", str(place / "card"))
    assert code == 0, err
    card = (place / "card/README.md").read_text()
    assert "class-conditional-image-generation" in card and "unconditional" not in card
    assert all(name in card for name in NAMES) and "--plugin outside_biggan.py" in card


def test_inversion_finds_the_class_and_the_latents(run, call, place, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    generator = ganzoo.load(run).generator(device="cpu")
    image = generator.sample(1, seed=5, labels=2)[0]
    save_image(to_image(to_uint8(image)), tmp_path / "given.png")
    found = {}
    for name, more in {"any": [], "bag": ["--class", "bag"]}.items():
        code, out, err = call("invert", str(run), "given.png", "--steps", "60", "--plugin", str(INVERT), *more)
        assert code == 0, err
        found[name] = float(re.findall(r"error ([\d.]+)", out)[0]), re.findall(r"^class: (.*)$", out, re.M)
        if name == "any":
            latents = torch.from_numpy(np.load("inverted.npy"))
    assert found["any"][1] == ["2, shirt"] and found["bag"][1] == ["0, bag"]
    assert found["any"][0] < found["bag"][0] / 2
    with torch.no_grad():
        again = generator(latents[None], torch.tensor([2]))[0]
    assert (again - image).square().mean().item() == pytest.approx(found["any"][0], abs=1e-3)


def test_a_run_of_plugins_that_are_not_there_says_which(run, call, monkeypatch):
    monkeypatch.delenv("GANZOO_PLUGINS_DIR")
    code, _, err = call("sample", str(run))
    assert code == 2 and err.count("\n") == 1
    for name in ("biggan", "penalties", "table"):
        assert f"--plugin {run / 'plugins' / f'outside_{name}.py'}" in err
