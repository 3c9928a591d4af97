"""Tests of the scripts under ``benchmarks/speed``, without timings."""

from __future__ import annotations

import argparse
import inspect
import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

SPEED = Path(__file__).parents[2] / "benchmarks/speed"


@pytest.mark.parametrize(("mode", "tf32"), [("exact", False), ("fast", True)])
def test_both_sides_of_an_evaluation_have_the_same_arithmetic(script, monkeypatch, mode, tf32):
    evaluation, asked = script("evaluation"), []

    class Side:
        def __init__(self, build, *arguments):
            asked.append(arguments[:2])

        def close(self): ...

    monkeypatch.setattr(evaluation, "Side", Side)
    with ExitStack() as stack:
        evaluation.start(mode, argparse.Namespace(device="cpu", data="fashion-10k"), stack)
    assert asked == [("reference", tf32), (mode, tf32)]


def test_the_reference_side_computes_in_what_it_is_told(script, monkeypatch):
    """The reference side turns TF32 off, which torch allows in cuDNN by default and torch-fidelity does not change."""
    evaluation, seen = script("evaluation"), []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(evaluation, "WARM_UP", 1)
    monkeypatch.setattr(evaluation, "find_source", lambda *_: None)
    monkeypatch.setattr(evaluation, "Reader", lambda *_: argparse.Namespace(batch=2))
    monkeypatch.setattr(
        evaluation, "load_extractor", lambda *_: lambda images: seen.append(torch.backends.cudnn.allow_tf32)
    )
    evaluation.side("reference", False, "cpu", "fashion-10k")
    assert seen == [False]


def test_a_table_is_written_before_the_next_line_is_measured(script, monkeypatch, tmp_path):
    """When a time limit ends the script, earlier measurements are kept."""
    inception, lines = script("inception"), []

    class Pool:
        def __init__(self, workers, context):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def submit(self, function, *arguments):
            return argparse.Namespace(result=lambda: function(*arguments))

    def measure(device, mode, layout, search, batch, seconds):
        files = list((tmp_path / "tables").glob("inception-*.json"))
        lines.append(len(json.loads(files[0].read_text())["rows"]) if files else 0)
        return {"mode": "exact", "batch": batch, "pictures_per_second": 1.0, "first_call": 1.0, "memory": 0.0}

    monkeypatch.setattr(inception, "measure", measure)
    monkeypatch.setattr(inception, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr("sys.argv", ["inception.py", "--device", "cpu", "--batches", "4", "--modes", "exact"])
    inception.main()
    assert lines == [0, 1, 2, 3]


def test_busy_measures_each_setting_beside_each_load_and_closes_what_it_started(script, monkeypatch, tmp_path):
    busy, open_sides, spins = script("busy"), [], []

    class Side:
        def __init__(self, build, *arguments):
            inspect.signature(build).bind(*arguments)  # the process is called with these arguments
            spins.append(os.environ.get("GOMP_SPINCOUNT"))
            open_sides.append(self)

        def ready(self): ...

        def __call__(self, seconds):
            return 100.0

        def close(self):
            open_sides.remove(self)

    monkeypatch.setattr(busy, "Side", Side)
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.setattr("sys.argv", ["busy.py", "--spins", "none", "0", "--loads", "0", "1", "--repeats", "2"])
    busy.main()
    assert spins == [None, "0"] * 2 and open_sides == [] and os.environ["GOMP_SPINCOUNT"] == "7"
    (file,) = (tmp_path / "tables").glob("busy-*.json")
    rows = json.loads(file.read_text())["rows"]
    assert [(row["work"], row["spins"], row["load"]) for row in rows] == [
        (work, spin, load) for work in ("training", "scoring") for spin in ("none", "0") for load in (0, 1)
    ]
    assert all(row["speeds"] == [100.0, 100.0] and row["ratio"] == 1 for row in rows)


def test_a_stopwatch_counts_a_part_within_another_for_itself_alone(script):
    ticks = iter([0.0, 1.0, 4.0, 6.0, 7.0, 100.0, 103.0])
    watch = script("where_time_goes").Stopwatch(lambda: next(ticks))
    with watch.part("outer"), watch.part("inner"):
        watch.becomes("second half")
    with watch.part("outer"):
        pass
    assert watch.seconds == {"outer": 1 + 1 + 3, "inner": 3, "second half": 2}


def test_the_table_of_parts_has_all_of_a_step(script, tmp_path):
    where = script("where_time_goes")
    tiny = ["generator.width=8", "discriminator.width=8"]
    options = ["--rounds=2", "--seconds=0.001", "--batch=4", "--size=8", "--matrix=64", "--threads", "1"]
    where.main(["dcgan+non-saturating", *options, "--precisions", "float32", "--set", *tiny])
    (file,) = (tmp_path / "tables").glob("where-time-goes-*.json")
    figures = json.loads(file.read_text())
    names = [variant["name"] for variant in figures["variants"]]
    assert names == ["1 thread, float32, channels_last", "1 thread, float32, contiguous"]
    for variant in figures["variants"]:
        assert len(variant["rounds"]) == 2
        assert all(milliseconds > 0 for one in variant["rounds"] for milliseconds in one.values())
    assert {"processors", "flags", "GB/s, 1 threads", "GFLOP/s, float32, 1 threads"} <= figures["machine"].keys()
    assert "| whole step |" in file.with_suffix(".md").read_text()


def test_the_parts_are_in_medians_and_the_ratio_in_pairs(script):
    where = script("where_time_goes")
    one = where.Variant(1, "float32", "contiguous", [{"data": 1.0, "rest": 9.0}, {"data": 3.0, "rest": 17.0}])
    two = where.Variant(2, "float32", "contiguous", [{"data": 1.0, "rest": 4.0}, {"data": 1.0, "rest": 9.0}])
    rows = {row[0]: row[1:] for row in where.table([one, two], 64)}
    assert rows["data"] == ["2.00", "1.00"] and rows["EMA"] == ["0.00", "0.00"]
    assert rows["whole step"] == ["15.00", "7.50"] and rows["times as fast as the first"] == ["1.00", "2.00"]
    assert rows["images per second"] == ["4267", "8533"]


def test_stolen_time_is_a_share_of_all(script, tmp_path):
    where, file = script("where_time_goes"), tmp_path / "stat"
    file.write_text("cpu  100 0 50 800 10 0 5 35 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    assert where.stolen(file) == (35, 1000)
    assert where.share_stolen((35, 1000), (85, 1500)) == 0.1
    assert where.stolen(tmp_path / "none") == (0, 0)
