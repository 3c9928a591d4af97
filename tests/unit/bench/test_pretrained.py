"""``benchmarks/pretrained.py`` packs the best generator of each architecture, with its score and configuration."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.bench_records import make_record
from support.weights import SIZES

from ganzoo import ImageSpec, WeightsEntry
from ganzoo.bench.record import Weights, write_record
from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.metrics.score import Score
from ganzoo.models.build import build_generator
from ganzoo.run import Run
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.structured import literal
from ganzoo.weights import read_entry

SCRIPT = Path(__file__).parents[3] / "benchmarks/pretrained.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pretrained_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def record(tmp_path, registry):
    """A function that writes a record of a combination with the weights of its untrained generator."""

    def write(recipe: str, fid: float, *, fakes: int = 2000, kept: bool = True, plugins: tuple[str, ...] = ("ganzoo",)):
        settings = [*SIZES[recipe.partition("+")[0]], "data.name=fashion-mnist", "loop.device=cuda"]
        config = resolve(registry, recipe, None, settings)
        place = tmp_path / "results" / f"{recipe}-{fid}.json"
        weights = place.with_suffix(".safetensors")
        place.parent.mkdir(exist_ok=True)
        torch.manual_seed(int(fid))
        save_file(build_generator(config, ImageSpec(1, 28, 10)).state_dict(), weights)
        known = Weights(sha256_of(weights), weights.stat().st_size, weights.name)
        if not kept:
            weights.unlink()
        made = make_record(recipe, fid=fid, fakes=fakes, weights=known, config=literal(config.as_dict()))
        made.plugins = dict.fromkeys(plugins, "1.0")
        write_record(place, made)
        return weights

    return write


def packed(package: Path) -> dict[str, WeightsEntry]:
    index = json.loads((package / "weights/index.json").read_text())
    return {item["name"]: read_entry(item, package.name) for item in index}


def test_the_best_of_each_architecture_is_packed(script, record, tmp_path, capsys):
    record("mlp+minimax", 40.0)
    best = record("mlp+wgan-gp", 30.0)
    record("mlp+hinge", 20.0, kept=False)
    record("mlp+lsgan", 10.0, fakes=500)  # scored with fewer images
    record("dcgan+hinge", 50.0)
    record("dcgan+minimax", 5.0, plugins=("ganzoo", "ganzoo-other"))
    package = tmp_path / "package"
    script.main(["--results", str(tmp_path / "results"), "--package", str(package)])
    entries = packed(package)
    assert set(entries) == {"mlp+wgan-gp@fashion-mnist", "dcgan+hinge@fashion-mnist"}
    entry = entries["mlp+wgan-gp@fashion-mnist"]
    assert (entry.score.metric, entry.score.value, entry.licence) == ("fid", 30.0, "MIT")
    assert entry.score.protocol == "2,000 images against 10,000 of fashion-mnist test"
    place = package / "weights" / entry.name
    (file,) = place.glob("checkpoints/*/ema.safetensors")
    whole, stored = load_file(best), load_file(file)
    assert sha256_of(file) == entry.sha256 and all(torch.equal(stored[name], whole[name].half()) for name in whole)
    run = Run(place)
    assert run.score.values["fid"] == 30.0 and run.config["loop"]["device"] == "auto"
    assert run.config["generator"]["width"] == 16 and len(run.class_names) == 10
    assert "dcgan+hinge@fashion-mnist: fid 50.00" in capsys.readouterr().out


def test_what_is_no_longer_the_best_goes(script, record, tmp_path):
    arguments = ["--results", str(tmp_path / "results"), "--package", str(tmp_path / "package")]
    record("mlp+minimax", 40.0)
    script.main(arguments)
    record("mlp+wgan-gp", 30.0)
    script.main(arguments)
    names = sorted(path.name for path in (tmp_path / "package/weights").iterdir())
    assert names == ["index.json", "mlp+wgan-gp@fashion-mnist"] and set(packed(tmp_path / "package")) == set(names[1:])


def test_a_score_of_the_float16_weights_is_taken_once_and_kept(script, record, tmp_path, monkeypatch):
    arguments = ["--results", str(tmp_path / "results"), "--package", str(tmp_path / "package")]
    weights, taken = record("mlp+minimax", 40.0), []

    def evaluate(run: Run) -> Score:
        taken.append(run.generator(device="cpu").state_dict())
        return Score({"fid": 41.5}, {**run.score.protocol, "fake_pictures": 3000}, 1.0)

    monkeypatch.setattr(Run, "evaluate", evaluate)
    for extra in ([], ["--score"], ["--score"], []):
        script.main([*arguments, *extra])
        (entry,) = packed(tmp_path / "package").values()
        assert entry.score.value == (41.5 if taken else 40.0)
    assert len(taken) == 1 and entry.score.protocol.startswith("3,000 images")
    assert all(torch.equal(value, taken[0][name].half().float()) for name, value in taken[0].items())
    assert RunDir(tmp_path / "package/weights" / entry.name).last_score()["values"] == {"fid": 41.5}
    save_file({name: value + 0.5 for name, value in load_file(weights).items()}, weights)
    with pytest.raises(GanzooError, match="its checksum differs"):
        script.main(arguments)


def test_nothing_to_pack_and_too_much_are_one_line(script, record, tmp_path, monkeypatch):
    arguments = ["--results", str(tmp_path / "results"), "--package", str(tmp_path / "package")]
    record("mlp+minimax", 40.0, kept=False)
    with pytest.raises(GanzooError, match="has kept its weights"):
        script.main(arguments)
    record("mlp+minimax", 41.0)
    monkeypatch.setattr(script, "MOST_MIB", 0.01)
    with pytest.raises(GanzooError, match="MiB together, more than"):
        script.main(arguments)
