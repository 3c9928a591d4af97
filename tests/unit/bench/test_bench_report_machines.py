"""The leaderboard's rows with records of several machines, and its opening table."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.bench_records import make_record, protocol

from ganzoo.bench.leaderboard.board import make_report
from ganzoo.bench.leaderboard.claims import claims
from ganzoo.bench.leaderboard.markdown import to_markdown
from ganzoo.bench.leaderboard.overview import overviews
from ganzoo.bench.leaderboard.page import to_page
from ganzoo.bench.leaderboard.wording import machine_names, measured

H100 = {"kind": "NVIDIA H100", "device": "NVIDIA H100 80GB"}


def report_of(*records, older=()):
    found, old = ([(Path(f"{name}/{n}.json"), record) for n, record in enumerate(group)]
                  for name, group in (("new", records), ("old", older)))  # fmt: skip
    return make_report(found, older=old)


def on_two_machines():
    """Return the records of one row: seeds 0 and 1 on a CPU and seed 2 on a GPU, not in this order."""
    return [
        make_record(fid=20.0, seed=0, minutes=50.0),
        make_record(fid=29.0, seed=2, minutes=2.0, hardware=H100),
        make_record(fid=23.0, seed=1, minutes=52.0),
    ]


@pytest.mark.parametrize(
    "hardware",
    [{"kind": "NVIDIA H100"}, {"device": "another CPU"}, {"cores": 4}, {"threads": 1}, {"side_by_side": 2}],
    ids=str,
)
def test_machines_of_one_combination_are_one_row(hardware):
    (group,) = report_of(make_record(fid=20.0), make_record(fid=30.0, seed=1, hardware=hardware)).groups
    (row,) = group.rows
    assert measured(group.ranked(row)) == "25.00 ± 7.07"
    assert [group.values(machine) for machine in row.machines] == [[20.0], [30.0]]


def test_the_device_a_machine_was_told_to_use_parts_no_rows():
    def on(device, **changes):
        return make_record(config={"recipe": "dcgan+minimax", "loop": {"batch": 32, "device": device}}, **changes)

    (group,) = report_of(on("cpu"), on("cuda:1", seed=1, hardware=H100)).groups
    assert len(group.rows) == 1


@pytest.mark.parametrize("choice", [{"threads": 1}, {"precision": "float32"}, {"layout": "contiguous"}], ids=str)
def test_what_was_chosen_for_a_machine_parts_no_rows(choice):
    chosen = {"threads": None, "precision": "auto", "layout": "auto"}

    def with_choice(loop, **changes):
        return make_record(config={"recipe": "dcgan+minimax", "loop": {"batch": 32, **loop}}, **changes)

    (group,) = report_of(with_choice(chosen), with_choice({**chosen, **choice}, seed=1)).groups
    assert len(group.rows) == 1


def test_times_are_of_one_machine_each():
    (group,) = report_of(*on_two_machines()).groups
    (row,) = group.rows
    assert row.hardware == ["cpu, 2 of 2 cores", "NVIDIA H100"]
    assert [(machine.minutes.mean, machine.minutes.count) for machine in row.machines] == [(51.0, 2), (2.0, 1)]
    assert not hasattr(row, "minutes") and not hasattr(row, "cost")
    line = next(line for line in to_markdown(report_of(*on_two_machines()), Path()).splitlines() if "| 1 |" in line)
    assert "| 24.00 ± 4.58 | 3: 20.00, 23.00, 29.00 |" in line
    assert "| 51.0 / 2.0 |" in line
    assert "| cpu, 2 of 2 cores, seed 0: 20.00, seed 1: 23.00 / NVIDIA H100, seed 2: 29.00 |" in line


def test_the_page_shows_each_machine_inside_its_row():
    page = to_page(report_of(*on_two_machines()))
    assert page.count('<tr id="row-') == 1
    inside = page.partition('<tr class="inside"')[2].partition("</table>")[0]
    rows = re.findall(r"<tr data-hardware=.*?</tr>", inside, re.S)
    assert ["seed 0: 20.00; seed 1: 23.00" in row for row in rows] == [True, False]
    assert [re.findall(r"<td>([\d.]+)</td>", row)[0] for row in rows] == ["51.0", "2.0"]
    entries = json.loads(page.partition('id="rows">')[2].partition("</script>")[0])
    assert [(one["id"], one["mean"], one["score"], one["minutes"]) for one in entries] == [
        (0, 24.0, 21.5, 51.0), (0, 24.0, 29.0, 2.0)
    ]  # fmt: skip


def test_a_seed_of_two_machines_counts_once():
    records = [make_record(fid=20.0), make_record(fid=30.0, hardware=H100), make_record(fid=27.0, seed=1)]
    (group,) = (report := report_of(*records, make_record("mlp+minimax", fid=90.0), make_record("mlp+minimax",
                fid=91.0, seed=1))).groups  # fmt: skip
    best = group.rows[0]
    assert group.seeds(best) == [(0, 25.0), (1, 27.0)]
    assert group.ranked(best).count == 2 and report.omitted == []
    assert "the seeds separate (25.00, 27.00 against 90.00, 91.00) and" in claims(group)[0]


def test_a_seed_that_a_machine_repeats_is_left_out():
    report = report_of(make_record(fid=20.0), make_record(fid=40.0), make_record(fid=30.0, hardware=H100))
    assert report.omitted == ["left out: new/1.json repeats seed 0 of new/0.json"]
    assert report.groups[0].values(report.groups[0].rows[0]) == [25.0]


def test_machines_of_one_class_have_their_own_names():
    (group,) = report_of(
        make_record(), make_record(seed=1, hardware={"device": "another CPU"}),
        make_record(seed=2, hardware={"device": "another CPU", "side_by_side": 2}),
        make_record(seed=3, hardware=H100),
    ).groups  # fmt: skip
    assert set(machine_names(group.rows[0])) == {
        "cpu, 2 of 2 cores (a CPU, alone)", "cpu, 2 of 2 cores (another CPU, alone)",
        "cpu, 2 of 2 cores (another CPU, 2 side by side)", "NVIDIA H100",
    }  # fmt: skip


def test_runs_in_another_precision_have_their_own_time():
    one, other = {"precision": "bf16"}, {"precision": "float32"}
    report = report_of(make_record(fid=20.0, hardware=one), make_record(fid=22.0, seed=1, hardware=other))
    assert report.omitted == []
    assert sorted(machine_names(report.groups[0].rows[0])) == [
        "cpu, 2 of 2 cores (bf16)", "cpu, 2 of 2 cores (float32)"
    ]  # fmt: skip
    older = report_of(make_record(fid=20.0, hardware=one), make_record(fid=22.0, seed=1))
    assert machine_names(older.groups[0].rows[0]) == ["cpu, 2 of 2 cores"]  # older records do not say theirs


def test_a_failed_run_of_a_seed_that_another_machine_finished_is_a_run():
    (group,) = report_of(make_record(), make_record(failed="no memory", hardware=H100)).groups
    assert "1 of 2 runs failed: no memory" in group.rows[0].marks


GRID = [
    make_record("dcgan+minimax", fid=20.0), make_record("dcgan+minimax", fid=22.0, seed=1),
    make_record("dcgan+minimax", fid=50.0, config={"generator": {"width": 3}}),
    make_record("dcgan+wgan", failed="the loss is not finite"), make_record("mlp+wgan", fid=40.0),
]  # fmt: skip


def test_the_opening_table_has_the_best_row_of_each_cell():
    (table,) = overviews(report_of(*GRID))
    assert (table.architectures, table.losses) == (["dcgan", "mlp"], ["minimax", "wgan"])
    assert {key: len(rows) for key, rows in table.cells.items()} == {
        ("dcgan", "minimax"): 2, ("dcgan", "wgan"): 1, ("mlp", "wgan"): 1
    }  # fmt: skip
    text = to_markdown(report_of(*GRID), Path())
    assert text.startswith("# Leaderboard\n\n## The best of each combination\n")
    assert "|  | `minimax` | `wgan` |" in text
    assert "| `dcgan` | **21.00 ± 1.41** (2 seeds, best of 2 rows) | failed |" in text
    assert "| `mlp` | – | 40.00 (1 seed) |" in text


def test_a_cell_of_the_page_leads_to_its_row():
    page = to_page(report_of(*GRID))
    table = page.partition('<div class="overview">')[2].partition("</table>")[0]
    links = dict(re.findall(r'<a href="#(row-\d+)"(?: class="failed")?>([^<]+)</a>', table))
    assert sorted(links.values()) == ["21.00", "40.00", "failed"]
    for anchor, value in links.items():
        row = page.partition(f'<tr id="{anchor}"')[2].partition("</tr>")[0]
        assert value in row
    assert page.index('id="overview"') < page.index('id="filters"')


def test_the_table_with_the_most_combinations_comes_first():
    many = [make_record(recipe, fid=50.0) for recipe in ("a+x", "a+y", "b+x")]
    few = [make_record(recipe, fid=10.0, fakes=10000) for recipe in ("a+x", "a+y")]
    budget = [make_record(recipe, fid=30.0, budget=30.0) for recipe in ("a+x", "b+x")]
    found = overviews(report_of(*many, *few, *budget))
    assert [(one.combinations, one.group.fakes, one.budget) for one in found] == [
        (3, 2000, "5 min"), (2, 10000, "5 min"), (2, 2000, "30 min")
    ]  # fmt: skip
    even = overviews(report_of(*many, *few, make_record("b+x", fid=9.0, fakes=10000)))
    assert [one.group.fakes for one in even] == [10000, 2000]  # if equal, the table with more generated images


def test_older_rows_are_in_the_opening_table_only_if_there_are_no_others():
    old = [make_record(recipe, fid=5.0) for recipe in ("a+x", "a+y", "b+x")]
    (table,) = overviews(report_of(make_record("a+x", fid=30.0), older=old))
    assert table.combinations == 1 and "5.00" not in to_markdown(report_of(make_record("a+x"), older=old), Path()
                                                               ).partition("## fashion-mnist")[0]  # fmt: skip
    assert overviews(report_of(older=old))[0].combinations == 3


def test_a_higher_value_may_be_the_best_of_a_cell():
    ranked = protocol(ranked_by={"value": "recall", "lower_is_better": False})
    records = [make_record(recipe, scores={"recall": value}, protocol=ranked)
               for recipe, value in (("a+x", 0.3), ("b+x", 0.5))]  # fmt: skip
    (table,) = overviews(report_of(*records))
    assert table.architectures == ["b", "a"] and "higher is better" in table.caption
    assert [table.shade(table.cells[name, "x"][0]) for name in "ba"] == [1, 0]


def test_without_a_score_there_is_no_opening_table():
    report = report_of(make_record(failed="too hot"))
    assert overviews(report) == []
    assert "The best of" not in to_markdown(report, Path()) and 'id="overview"' not in to_page(report)
