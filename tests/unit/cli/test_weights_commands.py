"""Registered weights on the command line: each command that reads a generator accepts their names."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from click.shell_completion import ShellComplete
from PIL import Image
from support.violations.data import MeansMetric
from support.violations.entries import extractor, metric, plugin_of
from support.weights import SIZES, pack_tiny, plugin_of_package, write_run, zoo_without_weights

import ganzoo
from ganzoo.bench.sides import find_sides
from ganzoo.cli.commands import app
from ganzoo.cli.completion import VARIABLE
from ganzoo.plugin.registry import Registry
from ganzoo.run import Run
from ganzoo.runs.pack import pack
from ganzoo_score.generated import Drawing
from ganzoo_score.sides import open_side

pytestmark = pytest.mark.seconds

NAME, BETTER = "mlp+minimax@fashion-10k", "mlp+wgan-gp@fashion-10k"
TINY = [*SIZES["mlp"], "discriminator.width=8", "discriminator.layers=1", "metrics.names=[]", "loop.batch=16",
        "loop.log_kimg=0.016", "loop.device=cpu"]  # fmt: skip


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A directory with a package of two untrained generators; the second has the better score."""
    directory = tmp_path_factory.mktemp("weights")
    pack_tiny(directory, {"mlp+minimax": {"fid": 30.0}, "mlp+wgan-gp": {"fid": 20.0, "seed": 1}})
    return directory


@pytest.fixture
def zoo(package, monkeypatch) -> Registry:
    """The installed zoo, with these weights and no others."""
    monkeypatch.syspath_prepend(package)
    registry = zoo_without_weights()
    registry.add(plugin_of_package, "tiny", "ganzoo-tiny", "1.0")
    monkeypatch.setattr(Registry, "load", lambda *arguments, **options: registry)
    return registry


@pytest.fixture
def here(zoo, package, ganzoo):
    """The command line with these weights; afterwards, no file may have been added to their package."""

    def contents() -> set[str]:
        return {str(path) for path in package.rglob("*") if "__pycache__" not in path.parts}

    before = contents()
    yield ganzoo
    assert contents() == before


def test_the_list_has_score_size_licence_and_place(here):
    code, out, err = here("list", "--weights")
    head, first, second, hint = out.splitlines()
    assert code == 0 and not err and head.split() == ["name", "score", "of", "size", "licence", "where"]
    assert first.startswith(f"{BETTER} ") and second.startswith(f"{NAME} ")
    assert "FID 20.00  64 images against 10,000 of fashion-10k train  0.0 MiB  CC0-1.0  here" in first
    assert f"ganzoo sample {BETTER}; @fashion-10k means" in hint
    listed = here("list")[1]
    assert f"\nweights\n  {NAME} " in listed and "\n  dcgan " in listed


def test_a_core_without_weights_says_so(ganzoo, monkeypatch):
    monkeypatch.setattr(Registry, "load", lambda *arguments, **options: Registry(strict=False))
    code, out, _ = ganzoo("list", "--weights")
    assert code == 0 and out.startswith("no weights are installed; `ganzoo plugins new NAME --kind weights")
    code, _, err = ganzoo("sample", "@fashion-mnist")
    assert code == 2 and "no weights are installed" in err and err.count("\n") == 1


def test_info_and_completion(here):
    out = here("info", NAME)[1]
    assert "weights, from ganzoo-tiny 1.0" in out and "score: fid 30, 64 images against" in out
    assert "images: 28x28, channels: 1, classes: 10" in out and f"ganzoo sample {NAME}" in out

    def complete(*words: str) -> list[str]:
        found = ShellComplete(app, {}, "ganzoo", VARIABLE).get_completions(list(words[:-1]), words[-1])
        return [item.value for item in found]

    assert complete("sample", "mlp+m") == complete("run", "x", "--init-from", "mlp+m") == [NAME]
    assert complete("play", "@fa") == ["@fashion-10k"]
    assert complete("info", "mlp+w") == [BETTER]


def test_samples_are_those_of_the_generator_and_lie_here(here):
    assert here("sample", NAME, "--seeds", "3", "--out", "one.png")[0] == 0
    expected = ganzoo.load_generator(NAME, device="cpu").sample_seeds([3])
    pixels = expected.mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8)[0, 0]
    with Image.open("one.png") as image:
        assert image.tobytes() == pixels.numpy().tobytes()
    assert here("sample", "@fashion-10k", "-n", "4") == (0, "4 images in a grid: sample.png\n", "")
    assert here("interpolate", "mlp@fashion-10k", "--seeds", "1,2", "--frames", "2")[0] == 0
    assert here("export", NAME, "--format", "torch")[1].splitlines()[-1] == "exported: generator.pt2"
    assert {path.name for path in Path().iterdir()} == {"one.png", "sample.png", "walk.gif", "generator.pt2"}


@pytest.mark.long
@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="no onnxruntime")
def test_play_names_the_weights_and_their_score(here):
    code, _, err = here("play", "@fashion-10k", "--no-serve")
    assert code == 0, err
    page = Path("play/index.html").read_text()
    assert "@fashion-10k" in page and "FID 20.00" in page


def test_the_python_api(zoo):
    assert ganzoo.list_parts("weights") == [NAME, BETTER]
    run = ganzoo.load("@fashion-10k")
    assert run.score.values == {"fid": 20.0} and run.generator().sample(2).shape == (2, 1, 28, 28)
    assert len(run.class_names) == 10


def test_they_are_a_side_of_a_comparison_and_of_a_score(zoo, tmp_path):
    one, other = find_sides(NAME, BETTER, tmp_path / "none", zoo)
    assert (one.values, other.values) == ([30.0], [20.0]) and one.combination == "mlp+minimax"
    side = open_side("@fashion-10k", Drawing(samples=4), (), zoo, tmp_path, torch.device("cpu"))
    assert side.count == 4 and sum(len(chunk) for chunk in side.chunks()) == 4


@pytest.mark.parametrize(
    "arguments", [["sample"], ["eval"], ["bench", "verify"], ["export"], ["interpolate", "--seeds", "1,2"]]
)
def test_an_unknown_name_is_one_line_with_the_near_ones(here, arguments):
    code, _, err = here(*arguments, "mlp+minmax@fashion-10k")
    assert code in (1, 2) and "did you mean mlp+minimax@fashion-10k" in err and err.count("\n") == 1


def test_a_run_begins_with_the_generators_weights(here):
    still = ["optimizer.generator.lr=1e-12", "optimizer.discriminator.lr=1e-12", "data.name=fashion-10k"]
    code, out, err = here("run", "mlp+minimax", *TINY, *still, "loop.kimg=0.016", "--init-from", NAME)
    assert code == 0, err
    assert "only the generator starts from these weights; a published run has no discriminator" in out + err
    begun = ganzoo.load("runs/mlp+minimax-001").generator(device="cpu").state_dict()
    given = ganzoo.load_generator(NAME, device="cpu").state_dict()
    assert all(torch.allclose(begun[name], given[name], atol=1e-6) for name in given)


def test_weights_of_another_shape_are_refused(here):
    code, _, err = here("run", "mlp+minimax", *TINY, "generator.width=8", "data.name=fashion-10k", "--init-from", NAME)
    assert code == 2 and "does not fit this configuration" in err


def test_they_cannot_be_resumed(here):
    code, _, err = here("resume", NAME)
    assert code == 2 and "cannot be resumed; start a run from it with `ganzoo run RECIPE --init-from`" in err


@pytest.fixture
def scored(tmp_path, monkeypatch) -> dict[str, float]:
    """The values of a fast score. The zoo has weights '@right' that record them, and '@wrong' with other values."""
    registry, directory = zoo_without_weights(), tmp_path / "scored"
    parts = plugin_of(extractor(), metric(MeansMetric, name="means", extractor="bad-extractor"))
    registry.add(lambda: parts, "means", "ganzoo-means", "1.0")
    monkeypatch.setattr(Registry, "load", lambda *arguments, **options: registry)
    run = write_run(registry, tmp_path / "run", fid=None, settings=["metrics.names=[means]", "metrics.fakes=48"])
    (checkpoint,) = (run / "checkpoints").iterdir()
    score = Run(run).evaluate().to_dict()
    place = directory / "scored_weights"
    place.mkdir(parents=True)
    (place / "__init__.py").touch()
    for data, off, half in (("right", 0.0, False), ("wrong", 1.0, False), ("rounded", 0.004, True)):
        values = {name: value + off for name, value in score["values"].items()}
        line = {"checkpoint": checkpoint.name, "shown": 4000, "kimg": 4.0, **score, "values": values}
        (run / "scores.jsonl").write_text(json.dumps(line) + "\n")
        pack(registry, run, place, data=data, licence="CC0-1.0", half=half)
    monkeypatch.syspath_prepend(directory)
    registry.add(lambda: plugin_of_package("scored_weights"), "scored", "ganzoo-scored", "1.0")
    return score["values"]


def test_eval_scores_them_as_they_were_scored(ganzoo, scored):
    code, out, err = ganzoo("eval", "mlp+minimax@right")
    assert code == 0, err
    said = json.loads(out)
    assert said["values"] == pytest.approx(scored) and said["protocol"]["fake_pictures"] == 48


def test_verify_scores_them_again(ganzoo, scored):
    code, out, err = ganzoo("bench", "verify", "mlp+minimax@right")
    assert code == 0 and out.startswith("mlp+minimax@right: holds: "), err
    code, out, _ = ganzoo("bench", "verify", "mlp+minimax@rounded")  # its score is that of the float32 weights
    assert code == 0 and out.startswith("mlp+minimax@rounded: holds: ") and "tolerance 0.01" in out
    code, out, _ = ganzoo("bench", "verify", "mlp+minimax@wrong")
    assert code == 1 and out.startswith("mlp+minimax@wrong: does not hold: ")
    assert ganzoo("bench", "verify", "mlp+minimax@wrong", "--digest-only")[:2] == (
        0, "mlp+minimax@wrong: checksum right\n",
    )  # fmt: skip


def test_verify_takes_a_mode(ganzoo, scored):
    """The tolerance is wider in another mode than the recorded one, and narrow in the same."""
    found = {mode: ganzoo("bench", "verify", "mlp+minimax@right", "--mode", mode) for mode in ("exact", "reference")}
    assert found["exact"][0] == 0 and "(tolerance 0.0001)" in found["exact"][1]
    assert found["reference"][0] == 0 and "(tolerance 0.01)" in found["reference"][1]
    code, _, err = ganzoo("bench", "verify", "mlp+minimax@right", "--mode", "slow")
    assert code == 1 and "metrics.mode is 'slow', must be one of exact, fast, reference" in err and err.count("\n") == 1


def test_changed_weights_are_refused_by_every_command(tmp_path, monkeypatch, ganzoo):
    place = pack_tiny(tmp_path / "other", {"mlp+minimax": {}})
    monkeypatch.syspath_prepend(tmp_path / "other")
    registry = zoo_without_weights()
    registry.add(plugin_of_package, "tiny", "ganzoo-tiny", "1.0")
    monkeypatch.setattr(Registry, "load", lambda *arguments, **options: registry)
    (file,) = place.rglob("ema.safetensors")
    file.write_bytes(file.read_bytes()[:-2] + b"no")
    for arguments in (["sample"], ["eval"], ["bench", "verify"]):
        code, _, err = ganzoo(*arguments, NAME)
        assert code in (1, 2) and "is not what ganzoo-tiny 1.0 registered (its checksum)" in err, arguments
        assert err.count("\n") == 1
