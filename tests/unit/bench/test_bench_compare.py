"""`ganzoo bench compare`: finding the two sides, and their difference over seeds and over resampled images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_model
from scipy import stats
from support.bench_records import make_record, protocol, write_records
from support.scoring import NETWORK, Stub

from ganzoo.bench.bootstrap import Means, bootstrap
from ganzoo.bench.compare import compare
from ganzoo.bench.record import Weights, read_record, write_record
from ganzoo.bench.sides import find_sides
from ganzoo.bench.verify import recorded_reference
from ganzoo.cli.main import main
from ganzoo.config.resolve import resolve
from ganzoo.data.factory import peek_configured
from ganzoo.errors import GanzooError
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.metrics.score import score
from ganzoo.models.build import build_generator
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.checksum import sha256_of

A, B = (20.0, 20.4, 20.1), (22.0, 22.9, 22.4)


def records(recipe, *values, **changes):
    return [make_record(recipe, fid=fid, seed=seed, **changes) for seed, fid in enumerate(values)]


@pytest.fixture
def results(tmp_path):
    """A function that writes records into a directory of results, each below its grid, and returns the directory."""

    def write(*found):
        write_records(tmp_path, list(found))
        return tmp_path

    return write


@pytest.fixture
def sides(results, registry):
    def find(*found, a="a+x", b="b+x"):
        return find_sides(a, b, results(*found), registry)

    return find


def test_seeds_that_separate_make_a_claim(sides):
    found = compare(*sides(*records("a+x", *A), *records("b+x", *B)), Means(None))
    expected = stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.95)
    assert found.difference == pytest.approx(np.mean(A) - np.mean(B))
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected), rel=1e-6)
    assert (found.better, found.separate, found.p) == ("A", True, pytest.approx(0.1))
    low, high = -expected[1], -expected[0]
    assert found.sentence == (f"A is better by 2.27 FID (95 % interval {low:.2f} to {high:.2f}): the seeds separate.")
    assert "0: 20.00, 1: 20.40, 2: 20.10" in found.text and found.text.endswith(found.sentence)
    turned = compare(*sides(*records("a+x", *A), *records("b+x", *B), a="b+x", b="a+x"), Means(None))
    assert turned.better == "B" and turned.difference == -found.difference


def test_seeds_that_overlap_make_none(sides):
    found = compare(*sides(*records("a+x", 20.0, 25.0), *records("b+x", 22.0, 23.0)), Means(None))
    assert found.better is None and "No difference can be claimed: the seeds overlap (" in found.sentence


def test_two_seeds_that_separate_by_little_make_none(sides):
    found = compare(*sides(*records("a+x", 20.0, 22.0), *records("b+x", 22.5, 24.0)), Means(None))
    assert found.separate and found.better is None
    assert "the seeds separate, but the interval includes zero" in found.sentence


def test_one_seed_beside_several_says_nothing(sides):
    found = compare(*sides(*records("a+x", *A), *records("b+x", 40.0)), Means(None))
    assert (found.better, found.interval) == (None, None)
    assert found.sentence.startswith("No difference can be claimed: B has one seed")


def test_a_value_may_be_better_the_higher_it_is(sides):
    ranked = {"protocol": protocol(ranked_by={"value": "recall", "lower_is_better": False})}
    several = [
        make_record(recipe, seed=seed, scores={"recall": value}, **ranked)
        for recipe, values in (("a+x", (0.2, 0.21)), ("b+x", (0.5, 0.51)))
        for seed, value in enumerate(values)
    ]
    assert compare(*sides(*several), Means(None)).better == "B"


def test_other_protocols_are_refused_with_the_fields_that_differ(sides):
    other = protocol(fake_pictures=10000, network="another", seed=7, extractor_device="cuda", tf32=False)
    with pytest.raises(GanzooError) as refused:
        sides(*records("a+x", *A), *records("b+x", *B, protocol=other))
    assert str(refused.value) == (
        "a+x and b+x were scored under different protocols: fake_pictures 2000 against 10000; "
        "network 5b79bf1ba01d239d121efbb1 against another"
    )
    with pytest.raises(GanzooError, match="data fashion-mnist against cifar10"):
        sides(*records("a+x", *A), *records("c+x", *B, data="cifar10"), b="c+x")


def test_a_side_is_a_record_a_directory_or_a_name(results, registry):
    place = results(*records("a+x", *A, grid="one"), *records("b+x", *B, grid="two"))
    first, directory = find_sides(str(place / "one/000.json"), str(place / "two"), place, registry)
    assert (first.values, directory.values) == ([20.0], [*B])
    assert find_sides("a+x", str(place / "two"), place, registry)[0].values == [*A]


def test_a_side_may_be_a_run(tmp_path, registry):
    for name, fid in (("one", 20.0), ("other", 25.0)):
        config = resolve(registry, "mlp+minimax", None, ["data.name=fashion-10k", "seed=4"])
        directory = RunDir.create(tmp_path / name, "mlp+minimax", config.to_yaml())
        directory.write_json(directory.score_file, {"values": {"fid": fid}, "protocol": protocol()})
    one, other = find_sides(str(tmp_path / "one"), str(tmp_path / "other"), tmp_path, registry)
    assert (one.values, other.values, one.seeds[0].number) == ([20.0], [25.0], 4)
    with pytest.raises(GanzooError, match="one holds no checkpoint yet"):
        bootstrap((one, other), Means(registry, "cpu", tmp_path), 20)
    directory.write_json(directory.score_file, {})
    with pytest.raises(GanzooError, match="other has no score to compare; score it with `ganzoo resume"):
        find_sides(str(tmp_path / "one"), str(tmp_path / "other"), tmp_path, registry)


@pytest.mark.parametrize(
    ("a", "says"),
    [
        ("a+y", r"a\+y is not a record, a run, a directory or a scored combination under .*; did you mean a\+x"),
        ("{}/empty", "empty holds no record, and it is not a run"),
        ("{}", r"holds 2 rows, of a\+x, b\+x; name a combination and give --results"),
        ("{}/grid/003.json", "003.json has no score to compare: too hot"),
        ("b+x", r"b\+x and b\+x have a record in common"),
    ],
)
def test_what_is_no_side_is_named(results, registry, a, says):
    place = results(make_record("a+x"), make_record("b+x"), make_record("b+x", seed=1), make_record(failed="too hot"))
    (place / "empty").mkdir()
    with pytest.raises(GanzooError, match=says):
        find_sides(a.format(place), "b+x", place, registry)


def test_a_name_in_several_grids_is_taken_from_one_that_both_share(sides, results, registry):
    first, second = sides(*records("a+x", *A), *records("a+x", *A, grid="other"), *records("b+x", *B))
    assert first.grid == second.grid == "grid"
    place = results(*records("a+x", *A, grid="other"), *records("b+x", *B, grid="other"))
    with pytest.raises(
        GanzooError,
        match=r"a\+x is in 2 rows; name one grid with --results, or a record or a directory: .*grid/000\.json, .*other",
    ):
        find_sides("a+x", "b+x", place, registry)


def test_a_damaged_record_beside_the_two_sides_is_only_named(sides, results, tmp_path, logged):
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "provenance.json").write_text(json.dumps({"sha256": "0" * 64}))
    one, other = sides(*records("a+x", *A), *records("b+x", *B))
    assert (one.combination, other.combination) == ("a+x", "b+x")
    assert any("provenance.json is not a record" in line and "it is left out" in line for line in logged)


def test_a_name_is_looked_up_in_older_grids_last(tmp_path, registry):
    write_records(tmp_path, [*records("a+x", *A), *records("b+x", *B)])
    write_records(tmp_path / "older", [*records("a+x", 1.0, 2.0), *records("c+x", 1.0, 2.0)])
    assert find_sides("a+x", "b+x", tmp_path, registry)[0].values == [*A]
    assert find_sides("a+x", "c+x", tmp_path, registry)[1].values == [1.0, 2.0]


GPU = {"kind": "NVIDIA H100", "device": "a GPU"}


def test_seeds_of_several_machines_are_one_side(sides):
    more = [make_record("a+x", fid=20.2, seed=3, hardware=GPU), make_record("a+x", fid=20.6, seed=1, hardware=GPU)]
    first, _ = sides(*records("a+x", *A), *more, *records("b+x", *B))
    assert {seed.number: seed.value for seed in first.seeds} == {0: 20.0, 1: 20.5, 2: 20.1, 3: 20.2}
    assert len(first.places) == len(first.describe()["from"]) == 5  # seed 1 was trained on both machines


def test_one_seed_of_two_machines_is_two_sides(sides, results, registry):
    found = [make_record("a+x", fid=20.0), make_record("a+x", fid=30.0, hardware=GPU), make_record("b+x", fid=25.0)]
    with pytest.raises(
        GanzooError,
        match=r"a\+x is in 2 rows; name one grid with --results, or a record or a directory: .*000.json, .*001.json",
    ):
        sides(*found)
    place = results(*found)
    assert find_sides(str(place / "grid/001.json"), "b+x", place, registry)[0].values == [30.0]


def command(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["bench", "compare", *map(str, arguments)])
    return stop.value.code


def test_the_command_prints_a_sentence_or_json(results, capsys):
    place = results(*records("a+x", *A), *records("b+x", *B))
    assert command("a+x", "b+x", "--results", place) == 0
    assert "A is better by 2.27 FID" in capsys.readouterr().out
    assert command("a+x", "b+x", "--results", place, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["better"] == "A" and found["a"]["seeds"] == {"0": 20.0, "1": 20.4, "2": 20.1}
    assert found["interval"][0] < found["difference"] < found["interval"][1] < 0
    assert command("a+x", place / "grid/000.json", "--results", place) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


SETTINGS = ["data.name=fashion-10k", "data.size=8", "generator.width=16", "generator.layers=1", "metrics.fakes=200",
            "loop.device=cpu"]  # fmt: skip


@pytest.fixture
def kept(registry, tmp_path, monkeypatch):
    """A function that writes a record with its weights, scored by a stand-in extractor; its `find` opens the sides."""
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *_: Stub())
    root = tmp_path / "data"

    def make(name: str, gain: float = 1.0, metric: str = "fid") -> Path:
        config = resolve(registry, "mlp+minimax", None, [*SETTINGS, f"metrics.names=[{metric}]"])
        torch.manual_seed(0)
        generator = build_generator(config, peek_configured(config, root)).eval()
        for parameter in generator.parameters():
            parameter.data *= gain
        file = tmp_path / name / "row.json"
        file.parent.mkdir()
        save_model(generator, str(file.with_suffix(".safetensors")))
        real = recorded_reference({"fingerprint": _fingerprint(config, root)}, config, generator.image, root)
        found = score(config.scoring, generator, real, root=root, shipped=config.dataset.statistics)
        weights = Weights(sha256_of(file.with_suffix(".safetensors")), 1, "row.safetensors")
        write_record(file, make_record("mlp+minimax", data="fashion-10k", scores=found.values, protocol=found.protocol,
                                       weights=weights, config=config.as_dict()))  # fmt: skip
        return file

    def find(*files: Path):
        return find_sides(*map(str, files), tmp_path, registry), Means(registry, "cpu", root)

    make.find = find
    return make


def _fingerprint(config, root):
    from ganzoo.data.factory import open_configured

    return open_configured(config, split=config.dataset.reference, root=root).fingerprint


def test_the_interval_over_images_is_that_of_a_bootstrap_by_hand(kept):
    sides, means = kept.find(kept("one"), kept("other", 3.0))
    found = bootstrap(sides, means, resamples=20, seed=5)
    differences = [one - other for one, other in found.values]
    error, (one, other) = np.std(differences, ddof=1), (side.values[0] for side in sides)
    reach = stats.t.ppf(0.975, 19) * error
    assert (found.interval.low, found.interval.high) == pytest.approx((one - other - reach, one - other + reach))
    assert found.biases[0] == pytest.approx(np.mean([value for value, _ in found.values]) - one)
    assert min(found.biases) > 0  # resampled images repeat, so they vary less and the distance rises
    again = bootstrap(sides, means, resamples=20, seed=5)
    assert again == found and bootstrap(sides, means, resamples=20, seed=6) != found


@pytest.mark.parametrize("metric", ["fid", "kid"])
def test_one_run_each_is_compared_over_its_images(kept, metric):
    sides, means = kept.find(kept("one", metric=metric), kept("other", 3.0, metric=metric))
    told = []
    found = compare(*sides, replace(means, progress=lambda *what: told.append(what)), 20)
    assert found.better == ("A" if (found.difference < 0) == found.a.ranking.lower_is_better else "B")
    assert "the interval covers the draw of images, not other seeds." in found.sentence and "20 resamples" in found.text
    assert found.describe()["resamples"] == 20
    assert told[-1] == ("resamples", 20, 20) and ("generated images", 200, 200) in told


def test_a_generator_is_no_better_than_its_copy(kept):
    sides, means = kept.find(kept("one"), kept("copy"))
    found = compare(*sides, means, 20)
    assert (found.difference, found.better) == (0, None)
    assert "the draw of images can explain it" in found.sentence


def test_a_row_without_weights_is_refused_in_a_line(kept):
    one, other = kept("one"), kept("other", 3.0)
    other.with_suffix(".safetensors").unlink()
    sides, means = kept.find(one, other)
    with pytest.raises(GanzooError, match=r"other/row\.json: its weights were not kept"):
        bootstrap(sides, means, 20)


def test_a_score_that_does_not_hold_is_not_compared(kept):
    one, other = kept("one"), kept("other", 3.0)
    record = read_record(other)
    write_record(other, replace(record, scores={"fid": record.scores["fid"] + 1}))
    sides, means = kept.find(one, other)
    with pytest.raises(GanzooError, match=r"other/row\.json: its weights have fid .*, not .* as it says"):
        bootstrap(sides, means, 20)


def test_few_resamples_are_refused(kept):
    with pytest.raises(GanzooError, match="3 resamples measure no spread; take 20 or more"):
        bootstrap((None, None), Means(None), 3)
