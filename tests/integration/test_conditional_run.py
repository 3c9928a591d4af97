"""A class-conditional run on images in folders, and its classes in commands, grids, pages, exports and cards."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from rich.console import Console
from support.scoring import NETWORK, Stub

import ganzoo
from ganzoo.cli.main import main
from ganzoo.console.display import LiveDisplay
from ganzoo.console.notebook import NotebookDisplay
from ganzoo.errors import GanzooError
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.models.sampling import grid_labels, labels_of, sample
from ganzoo.plugin.registry import Registry
from ganzoo.runs.grid_classes import caption
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.snapshots import judge
from ganzoo.utils.image_grid import GAP, read_grid
from ganzoo_play.player import load_player
from ganzoo_report.analysis.run import look_closer
from ganzoo_report.places import read_analysis
from ganzoo_report.story import as_data, read_story
from ganzoo_report.watch import watch

pytestmark = pytest.mark.seconds

NAMES = ["bag", "shirt & tie", "trouser"]
SETTINGS = ["generator.conditional=true", "generator.width=8", "discriminator.width=8", "loop.batch=8",
            "loop.kimg=0.032", "loop.snapshot_kimg=0.016", "loop.device=cpu"]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("conditional")


@pytest.fixture(scope="module")
def run(place, _own_cache) -> ganzoo.Run:
    """A finished class-conditional run of dcgan on three classes of six images; brightness rises with the label."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(NAMES):
        (place / "set" / name).mkdir(parents=True)
        for number in range(6):
            pixels = (rng.integers(0, 60, (8, 8)) + 90 * label).astype(np.uint8)
            Image.fromarray(pixels).save(place / "set" / name / f"{number}.png")
    with pytest.raises(SystemExit) as stop:
        main(["run", "dcgan+hinge", f"data.name=folder:{place / 'set'}", *SETTINGS, "metrics.names=[]",
              "--out", str(place / "run")])  # fmt: skip
    assert not stop.value.code
    return ganzoo.load(place / "run")


@pytest.fixture
def command(place, run, capsys, monkeypatch):
    """A function that runs a command on the run and returns its stdout and stderr."""
    monkeypatch.chdir(place)

    def call(*arguments: str, code: int = 0) -> tuple[str, str]:
        with pytest.raises(SystemExit) as stop:
            main([arguments[0], "run", *arguments[1:]])
        printed = capsys.readouterr()
        assert (stop.value.code or 0) == code, printed.err
        return printed.out, printed.err

    return call


def test_the_run_knows_its_classes(run):
    assert run.class_names == tuple(NAMES)
    assert run.directory.provenance()["data"]["remarks"][1:] == [
        "labels of 3 classes given to the generator and the discriminator"
    ]


@pytest.mark.parametrize(("classes", "first_rows"), [(1, [0] * 8), (3, [0, 0, 0, 1, 1, 1, 2, 2]), (8, list(range(8)))])
def test_a_row_of_the_grid_is_of_one_class(classes, first_rows):
    rows = grid_labels(classes).unflatten(0, (8, 8))
    assert rows[:, 0].tolist() == first_rows and (rows == rows[:, :1]).all()


@pytest.mark.parametrize("classes", [10, 64, 1000])
def test_many_classes_follow_each_other(classes):
    labels = grid_labels(classes).tolist()
    assert labels == sorted(labels) and len(set(labels)) == min(classes, 64) and max(labels) < classes


def test_snapshots_show_the_same_latents_in_the_order_of_the_classes(run):
    generator = run.generator(device="cpu")
    *_, last = run.samples
    made = torch.cat(list(sample(generator, 64, 0, label=grid_labels(3))))
    assert (read_grid(last)[..., 0] == made[:, 0].numpy()).all()
    record = json.loads((run.path / f"verdicts/{last.stem}.json").read_text())
    assert record["labels"] == grid_labels(3).tolist()
    # If the random class of an image equals the class of its row, the image is the same as without the order.
    same = labels_of(generator, 64, 0) == grid_labels(3)
    drawn = torch.cat(list(sample(generator, 64, 0)))
    assert 5 < same.sum() < 64 and torch.equal(drawn[same], made[same]) and not torch.equal(drawn, made)


def test_a_discriminator_of_patches_is_asked_for_the_mean():
    class Patches(torch.nn.Conv2d):
        mixes_samples = False

        def forward(self, images, labels=None, *, rng=None):
            return super().forward(images).squeeze(1)

    network, images = Patches(1, 1, 2, stride=2), torch.randint(256, (5, 1, 8, 8), dtype=torch.uint8)
    found, _ = judge(network, images, None, images, None)
    with torch.no_grad():
        expected = network(images.float() / 127.5 - 1).mean((1, 2))
    assert found == pytest.approx(expected.tolist(), rel=1e-3)


def test_one_class_is_sampled_by_name_or_number(command, place, run):
    for number, name in enumerate(("2", "trouser", "Trouser")):
        command("sample", "-n", "4", "--seed", "3", "--class", name, "--out", f"one{number}.png")
    first = (place / "one0.png").read_bytes()
    assert first == (place / "one1.png").read_bytes() == (place / "one2.png").read_bytes()
    drawn = run.generator(device="cpu").sample(4, seed=3, labels=2)
    assert np.array_equal(np.asarray(ganzoo.image_grid(drawn, 2)), np.asarray(Image.open(place / "one0.png")))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--class", "trousers"],
            "no class 'trousers'; did you mean 'trouser'? the classes are bag, shirt & tie, trou",
        ),
        (["--class", "xyz"], "there is no class 'xyz'; the classes are bag, shirt & tie, trouser"),
        (["--class", "3"], "the class is 3, must be 0 to 2"),
        (["--class", "-1"], "the class is -1, must be 0 to 2"),
        (["--per-class", "0"], "--per-class is 0, must be 1 or more"),
        (["--per-class", "2", "--class", "bag"], "--per-class draws every class; leave out --class"),
        (["--per-class", "2", "-n", "3"], "--per-class draws every class; leave out --count"),
    ],
)
def test_classes_that_cannot_be_are_one_line(command, options, says):
    _, err = command("sample", *options, code=2)
    assert says in err and err.count("\n") == 1


def test_a_row_for_each_class(command, place, run):
    out, _ = command("sample", "--per-class", "5", "--seed", "1", "--out", "rows.png")
    assert "15 images in a grid: rows.png" in out and "a row for each class: bag, shirt & tie, trouser" in out
    labels = torch.arange(3).repeat_interleave(5)
    drawn = run.generator(device="cpu").sample(15, seed=1, labels=labels)
    with Image.open(place / "rows.png") as grid:
        assert grid.size == (5 * (8 + GAP) + GAP, 3 * (8 + GAP) + GAP)
        assert np.array_equal(np.asarray(ganzoo.image_grid(drawn, 5)), np.asarray(grid))


def test_a_directory_for_each_class(command, place, run):
    command("sample", "--per-class", "2", "--out", "single")
    command("sample", "--per-class", "2", "--out", "rows2.png")
    files = sorted(str(file.relative_to(place / "single")) for file in (place / "single").rglob("*.png"))
    assert files == [f"{folder}/{number:06d}.png" for folder in ("0-bag", "1-shirt-tie", "2-trouser")
                     for number in range(2)]  # fmt: skip
    with Image.open(place / "rows2.png") as grid, Image.open(place / "single/1-shirt-tie/000001.png") as image:
        cell = np.asarray(grid)[12:20, 12:20]
        assert np.array_equal(cell, np.asarray(image))


def test_an_unconditional_run_has_no_classes_to_ask_for(place, tiny, tmp_path):
    free = ganzoo.train("mlp+minimax", out=tmp_path / "free", settings=dict(one.split("=", 1) for one in tiny("mlp")))
    for options in (["--class", "trouser"], ["--per-class", "2"]):
        with pytest.raises(SystemExit) as stop:
            main(["sample", str(free.path), *options])
        assert stop.value.code == 2
    verdicts = [json.loads(file.read_text()) for file in (free.path / "verdicts").glob("*.json")]
    assert verdicts and all("labels" not in verdict for verdict in verdicts)
    assert caption(free.directory, free.samples[-1].stem) == ""
    assert torch.equal(torch.cat(list(sample(free.generator(device="cpu"), 64, 0)))[:, 0],
                       torch.from_numpy(read_grid(free.samples[-1])[..., 0]))  # fmt: skip


def test_the_report_names_the_class_of_each_image(run):
    story = read_story(run.directory)
    whole = read_grid(run.samples[-1])
    assert (story.snapshots[-1].images == whole[::4]).all()
    record = json.loads((run.path / f"verdicts/{run.samples[-1].stem}.json").read_text())
    shown = [one[1] for one in as_data(story)[-1]["fake"]]
    logits = np.array(record["d_fake"] + record["d_real"])
    assert shown == [int((logits > logits[place]).sum()) + 1 for place in range(0, 64, 4)]
    page = (run.path / "report.html").read_text()
    data = json.loads(page.partition('id="snapshots">')[2].partition("</script>")[0])
    assert data["classes"] == [NAMES[label] for label in grid_labels(3)[::4]]
    assert "the class that the image was made for" in page


@pytest.mark.parametrize("labels", ["x", [0.5] * 64, [-1] * 64, [0] * 3, [2**40] * 64])
def test_damaged_labels_of_a_grid_are_left_out(run, tmp_path, labels):
    file = next((run.path / "verdicts").glob("kimg*.json"))
    record = json.loads(file.read_text())
    for name in ("samples", "verdicts"):
        (tmp_path / name).mkdir()
    (tmp_path / f"verdicts/{file.name}").write_text(json.dumps({**record, "labels": labels}))
    (tmp_path / f"samples/{file.stem}.png").write_bytes((run.path / f"samples/{file.stem}.png").read_bytes())
    (snapshot,) = read_story(RunDir(tmp_path)).snapshots
    assert snapshot.verdicts.labels == () and len(snapshot.images) == 16


def test_watching_tells_the_order_of_the_classes(run, monkeypatch):
    words = f"classes in order: {', '.join(NAMES)}"
    assert caption(run.directory, run.samples[-1].stem) == words
    console = Console(width=100, height=60, force_terminal=True, file=io.StringIO(), color_system="truecolor")
    display = LiveDisplay(console)
    watch(run.directory, display)
    with console.capture() as shown:
        console.print(display._render())
    assert words in shown.get()
    display.snapshot_taken(run.path, 0.032, Image.open(run.samples[-1]))
    assert display._words == words
    notebook = NotebookDisplay()
    pytest.importorskip("IPython")
    monkeypatch.setattr("IPython.display.display", lambda *given, **options: None)
    notebook.snapshot_taken(run.path, 0.032, Image.open(run.samples[-1]))
    assert notebook._lines == [words]


@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_the_export_names_the_classes(command, place, form):
    if form == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    file = place / f"made.{form}"
    out, _ = command("export", "--format", form, "--out", str(file))
    assert "input: labels int64 (N), the class of each image, 0 to 2: bag, shirt & tie, trouser" in out
    if form == "onnx":
        noted = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
        assert json.loads(noted["class_names"]) == NAMES
        assert noted["labels"] == "int64 (N), the class of each image, 0 to 2" and noted["latents"] == "float32 (N, 64)"
        return
    extra = {"class_names.json": ""}
    program = torch.export.load(file, extra_files=extra).module()
    assert json.loads(extra["class_names.json"]) == NAMES
    assert program(latents=torch.zeros(3, 64), labels=torch.arange(3)).shape == (3, 1, 8, 8)


def test_the_page_to_play_has_a_button_for_each_class(run):
    player = load_player(Registry.load(), str(run.path), "latest")
    assert player.data()["classes"] == NAMES and player.game is not None


def test_the_card_says_class_conditional_and_names_the_classes(command, place):
    command("push", "alice/garments", "--out", "card")
    card = (place / "card/README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert "pipeline_tag" not in front and "unconditional" not in card
    assert {"class-conditional", "class-conditional-image-generation"} <= set(front["tags"])
    assert "It is class-conditional" in card and "of 3: 0 bag; 1 shirt &amp; tie; 2 trouser." in card
    assert "    ganzoo sample hf://alice/garments --per-class 8 --out classes.png" in card
    assert ganzoo.load(place / "card").class_names == tuple(NAMES)


def test_a_closer_look_asks_for_classes_too(run, registry):
    look_closer(registry, run.directory)
    assert read_analysis(run.directory)["checkpoint"] == run.checkpoints[-1]


def test_a_score_of_each_class_beside_that_of_the_whole(command, monkeypatch):
    stub = Stub()
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *args: stub)
    out, err = command("eval", "--metrics", "fid", "--samples", "60", "--per-class")
    printed = json.loads(out[out.index("{\n") :])
    assert list(printed["by_class"]["fid"]) == NAMES and printed["values"].keys() == {"fid"}
    assert printed["protocol"]["classes"] == "drawn from the real set's labels"
    rows = [line for line in err.splitlines() if line.startswith((*NAMES, "all", "class"))]
    assert [row.split()[0] for row in rows] == ["class", "bag", "shirt", "trouser", "all"]
    out, err = command("eval", "--metrics", "fid", "--samples", "60")
    assert "by_class" not in out and "trouser" not in err


def test_the_names_of_unknown_classes_are_numbers():
    from ganzoo.runs.class_names import find_class

    assert find_class("1", (), 3) == 1 and find_class("10", ["10", "x"], 2) == 0  # names take precedence over numbers
    with pytest.raises(GanzooError, match="the run knows no names; give a number, 0 to 2"):
        find_class("bag", (), 3)


def test_scores_on_the_way_keep_the_values_of_each_class(run, tmp_path, monkeypatch):
    stub = Stub()
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *args: stub)
    settings = dict(one.split("=", 1) for one in SETTINGS)
    chosen = {"metrics.names": ["intra-fid", "classifier-accuracy"], "metrics.fakes": 100}
    data = run.config["data"]["name"]
    again = ganzoo.train("dcgan+hinge", data=data, out=tmp_path / "run", settings={**settings, **chosen})
    assert list(again.score.by_class["intra_fid"]) == NAMES
    assert again.score.by_class == again.directory.score_of(again.checkpoints[-1])["by_class"]
    assert "intra_fid" in again.score.values and not any(":" in name for name in again.score.values)
    page = (again.path / "report.html").read_text()
    assert "The newest score by class" in page and "shirt &amp; tie" in page
    with pytest.raises(SystemExit):
        main(["push", str(again.path), "alice/garments", "--out", str(tmp_path / "card")])
    card = (tmp_path / "card/README.md").read_text()
    assert "| class | `intra_fid` |" in card and "| shirt &amp; tie | " in card
    assert ganzoo.load(tmp_path / "card").score.by_class == again.score.by_class
