"""Records that were made with other settings than their recipes have today."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf
from support.bench_records import make_record

from ganzoo.bench.grid import Cell, Grid
from ganzoo.bench.harness import Harness
from ganzoo.bench.job import Job
from ganzoo.bench.record import write_record
from ganzoo.config.resolve import resolve
from ganzoo.utils.layers import nest

RECIPE, DATA = "mlp+minimax", "fashion-10k"
SETTINGS = ["loop.device=cpu"]


class NoLauncher:
    """A launcher that must not get any job."""

    def run(self, jobs, *, alone=False):
        assert not jobs
        return iter(())


@pytest.fixture
def warnings(registry, tmp_path):
    """A function that writes records of two seeds, one with changed settings, and returns the harness's warnings."""

    def run(changes, **fields):
        grid = Grid(name="grid", recipes=[RECIPE], data=[DATA], seeds=[0, 1], kimg=100.0, settings=SETTINGS)
        for seed in grid.seeds:
            cell = Cell(RECIPE, DATA, seed)
            job = Job("train", "grid", cell, tmp_path, tuple(SETTINGS), {"kimg": 100.0})
            config = resolve(registry, RECIPE, None, job.all_settings).as_dict()
            if seed == 1:
                config = OmegaConf.to_container(OmegaConf.merge(config, nest(changes)))
            record = make_record(RECIPE, seed=seed, data=DATA, config=config, **fields)
            write_record(tmp_path / f"results/grid/{cell.name}.json", record)
        said = []
        Harness(grid, registry, NoLauncher(), tmp_path / "results", tmp_path / "work", said.append).run()
        return [line for line in said if line.startswith("warning")]

    return run


def test_a_record_with_other_settings_is_named_with_them(warnings):
    (line,) = warnings({"loop.batch": 7, "optimizer.generator.lr": 0.5})
    assert "fashion-10k--mlp+minimax--s1.json was made with other settings than its recipe has today" in line
    assert re.search(r"\(loop\.batch 7, now \d+; optimizer\.generator\.lr 0\.5, now 0\.000\d+\); to train", line)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loop.threads": 1, "loop.precision": "bf16", "loop.layout": "channels-first"},  # chosen on the machine
        {"loop.of_an_older_version": 3},
    ],
)
def test_records_with_the_settings_of_today_are_not_named(warnings, changes):
    assert warnings(changes) == []


def test_a_failed_record_is_not_named(warnings):
    assert warnings({"loop.batch": 7}, failed="out of memory") == []


def test_a_value_cannot_change_the_terminal(warnings):
    (line,) = warnings({"loop.schedule": "\x1b[31m"})
    assert "loop.schedule \\x1b[31m, now" in line and line.isprintable()
