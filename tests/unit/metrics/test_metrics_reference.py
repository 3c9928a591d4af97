from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.pooled import WIDTH, install_pooled, random_images, write_images

import ganzoo as zoo
from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.metrics.statistics_file import read_statistics, write_statistics

pytestmark = pytest.mark.seconds
SCORED = ["metrics.names=fid", "metrics.fakes=12"]


@pytest.fixture
def pooled(monkeypatch):
    return install_pooled(monkeypatch)


@pytest.fixture
def sets(tmp_path):
    write_images(tmp_path / "train", random_images(16, 8, 8, 3))
    write_images(tmp_path / "other", random_images(16, 12, 16, 3, seed=1, most=128))


@pytest.fixture
def trained(ganzoo, sets, pooled, tiny):
    def run(*settings: str) -> tuple[int, str]:
        chosen = ["data.name=folder:train", *tiny("mlp", batch=4, kimg=0.016), *SCORED, *settings, "--out", "run"]
        code, out, err = ganzoo("run", "mlp+minimax", *chosen)
        return code, out + err

    return run


def score() -> dict:
    return json.loads(Path("run/score.json").read_text())


def scored_again(ganzoo, *options: str) -> dict:
    """Return the JSON that ``eval`` prints after its progress."""
    out = ganzoo("eval", "run", *options)[1]
    return json.loads(out[out.index("{") :])


def test_a_run_on_its_own_images_says_so(trained, ganzoo):
    code, said = trained()
    assert code == 0 and "12 generated against all 16 images of folder:train (scored against its own" in said
    assert score()["protocol"]["training_images"]
    assert scored_again(ganzoo)["protocol"]["training_images"]


def test_a_run_is_scored_against_another_set(trained, ganzoo):
    code, said = trained("metrics.reference=folder:other")
    assert code == 0, said
    protocol = score()["protocol"]
    assert (protocol["reference"], protocol["picture"]) == ("folder:other", "3 x 8 x 8")  # cropped and resized
    assert protocol["resize"] and "training_images" not in protocol
    own = scored_again(ganzoo, "--reference", "folder:train")
    assert own["protocol"]["training_images"] and own["values"] != score()["values"]
    images = np.asarray(random_images(12, 8, 8, 3)).transpose(0, 3, 1, 2)
    found = zoo.evaluate(images, reference="folder:other")
    assert found.protocol["reference"] == "folder:other"
    assert zoo.evaluate(images, settings={"data.name": "folder:other"}).values == found.values
    with pytest.raises(GanzooError, match="name what to score against"):
        zoo.evaluate(images)


def test_a_run_is_scored_against_statistics(trained, ganzoo):
    np.savez("stats.npz", mu=np.zeros(WIDTH, np.float32), sigma=np.eye(WIDTH, dtype=np.float32), more=np.arange(3))
    code, said = trained("metrics.reference=stats.npz")
    assert code == 0 and "12 generated against the statistics in stats.npz" in said
    assert score()["values"]["fid"] > 0
    assert scored_again(ganzoo)["values"] == score()["values"]
    images = np.asarray(random_images(12, 8, 8, 3)).transpose(0, 3, 1, 2)
    assert zoo.evaluate(images, reference="stats.npz").protocol["split"] == "statistics"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            ["metrics.reference=s.npz", "metrics.names=fid,kid"],
            "kid: it compares the features of all images, but s.npz",
        ),
        (["metrics.reference=gone.npz"], "gone.npz does not exist"),
        (["metrics.reference=folder:gone"], "gone does not exist"),
        (["metrics.reference=stats.pkl"], "np.savez('FILE.npz', mu=..., sigma=...)"),
        (["metrics.reference=fashion-10k:test"], "fashion-10k has no such split; it has train"),
        (["metrics.reference=fashoin-10k"], "did you mean fashion-10k"),
    ],
)
def test_a_reference_that_cannot_be_used_stops_a_run_before_it_begins(trained, settings, says):
    np.savez("s.npz", mu=np.zeros(WIDTH), sigma=np.eye(WIDTH))
    code, said = trained(*settings)
    assert code == 2 and says in said.splitlines()[-1]
    assert not Path("run").exists()


def test_a_conditional_generator_draws_the_training_sets_classes(ganzoo, pooled, tiny):
    np.savez("stats.npz", mu=np.zeros(WIDTH), sigma=np.eye(WIDTH))
    chosen = [*tiny("dcgan", batch=4, kimg=0.016), *SCORED, "generator.conditional=true"]
    code, _, err = ganzoo("run", "dcgan+hinge", *chosen, "metrics.reference=stats.npz", "--out", "run")
    assert code == 0, err
    assert score()["protocol"]["classes"] == "drawn from the training set's labels"


def test_a_file_holds_what_was_written(tmp_path):
    rows = np.random.default_rng(0).normal(size=(20, 4))
    written = {"mu": rows.mean(0), "sigma": np.cov(rows, rowvar=False)}
    write_statistics(tmp_path / "s.npz", written, 20, {"reference": "rows", "network": "ab" * 32})
    found = read_statistics(tmp_path / "s.npz", {4})
    assert found.count == 20 and found.notes == {"reference": "rows", "network": "ab" * 32}
    assert all((found.statistics[name] == written[name]).all() for name in written)
    np.savez(tmp_path / "f.npz", mu=written["mu"], sigma=np.asfortranarray(written["sigma"]))
    assert (read_statistics(tmp_path / "f.npz", {4}).statistics["sigma"] == written["sigma"]).all()


def test_lists_are_written_with_commas(registry, tmp_path):
    settings = ["metrics.names=fid", "optimizer.generator.betas=0.5,0.9", "optimizer.discriminator.betas=[0,0.9]"]
    values = resolve(registry, "mlp+minimax", None, settings).values
    assert values.metrics.names == ["fid"]
    assert values.optimizer.generator.betas == [0.5, 0.9] and values.optimizer.discriminator.betas == [0, 0.9]
    assert resolve(registry, "mlp+minimax", None, ["metrics.names=fid, kid"]).values.metrics.names == ["fid", "kid"]
    assert resolve(registry, "mlp+minimax", None, ["metrics.names=[]"]).values.metrics.names == []
    file = tmp_path / "config.yaml"
    file.write_text("recipe: mlp+minimax\nmetrics: {names: fid}\n")
    with pytest.raises(GanzooError, match=r"metrics.names is a list, was given 'fid'; write metrics.names=\[...\]"):
        resolve(registry, None, file)
