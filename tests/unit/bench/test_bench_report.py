"""The leaderboard of records: averages, claims, ranks, groups, published figures, and the files that are written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.bench_records import make_record, protocol, write_records

from ganzoo.bench.grid import load_grid
from ganzoo.bench.leaderboard.board import make_report, pareto_front, read_report
from ganzoo.bench.leaderboard.claims import ONE_SEED_EACH, claims
from ganzoo.bench.leaderboard.markdown import to_markdown
from ganzoo.bench.leaderboard.page import to_page
from ganzoo.bench.leaderboard.published import Figure, Published, read_published
from ganzoo.bench.leaderboard.report import write_report
from ganzoo.bench.leaderboard.samples import LONGEST, data_uri
from ganzoo.bench.leaderboard.wording import measured, protocol_in_words, protocol_labels
from ganzoo.bench.record import CurvePoint
from ganzoo.cli.main import main
from ganzoo.errors import GanzooError
from ganzoo.utils.html import libraries

PUBLISHED = Path(__file__).parents[3] / "benchmarks/published.json"
LUCIC = Published(source="Lucic", data="fashion-mnist", figures=[Figure("WGAN", "fid", 21.5, 1.6)], split="test",
                  real_pictures=10000, fake_pictures=10000, conditional=False)  # fmt: skip


def report_of(*records, figures=()):
    return make_report([(Path(f"results/{n}.json"), record) for n, record in enumerate(records)], figures)


def rows_of(*records):
    return [row for group in report_of(*records).groups for row in group.rows]


def ranked(row):
    return row.score(row.ranking.value)


def test_seeds_of_a_row_are_averaged_with_the_sample_deviation():
    (row,) = rows_of(*(make_record(fid=fid, seed=seed) for seed, fid in enumerate((20.0, 22.0, 27.0))))
    assert ranked(row).count == 3
    assert ranked(row).mean == pytest.approx(23.0)
    assert ranked(row).deviation == pytest.approx(13**0.5)  # (9 + 1 + 16) / (3 - 1)
    assert measured(ranked(row)) == "23.00 ± 3.61"
    assert measured(ranked(rows_of(make_record(fid=20.0))[0])) == "20.00"  # one seed has no deviation


def claims_of(*records):
    (group,) = report_of(*records).groups
    return claims(group)


def seeds_of(recipe, *values, first=0):
    return [make_record(recipe, fid=fid, seed=seed) for seed, fid in enumerate(values, first)]


def test_neighbours_differ_only_if_their_seeds_separate_and_the_interval_excludes_zero():
    lines = claims_of(
        *seeds_of("a+x", 10.0, 10.5), *seeds_of("b+x", 20.0, 21.0), *seeds_of("c+x", 22.0, 25.0, 23.0),
        *seeds_of("d+x", 24.0, 30.0), *seeds_of("e+x", 23.5), make_record("f+x", failed="too hot"),
    )  # fmt: skip
    assert lines == [
        "#1 a+x is better than #2 b+x: the seeds separate (10.00, 10.50 against 20.00, 21.00) and the 95 % interval of "
        "the difference, -13.71 to -6.79, excludes zero.",
        "#2 b+x and #3 c+x: no difference can be claimed, the seeds separate (20.00, 21.00 against 22.00, 25.00, "
        "23.00) but the 95 % interval of the difference, -6.13 to 0.461, includes zero.",
        "#3 c+x and #5 d+x: no difference can be claimed, the seeds overlap (22.00, 25.00, 23.00 against 24.00, "
        "30.00).",
        "One seed: no claim about #4 e+x.",
    ]


def test_one_seed_claims_nothing():
    assert claims_of(make_record("a+x", fid=1.0), make_record("b+x", fid=90.0)) == [ONE_SEED_EACH]
    assert claims_of(*seeds_of("a+x", 1.0, 2.0), make_record("b+x", fid=90.0)) == ["One seed: no claim about #2 b+x."]
    assert claims_of(make_record("a+x", fid=1.0)) == []  # nothing to compare it with


def test_a_higher_value_may_be_the_better_one():
    by_recall = protocol(ranked_by={"value": "recall", "lower_is_better": False})
    records = [
        make_record(recipe, seed=seed, scores={"recall": value}, protocol=by_recall)
        for recipe, values in (("a+x", (0.3, 0.31)), ("b+x", (0.5, 0.52)))
        for seed, value in enumerate(values)
    ]
    (line,) = claims_of(*records)
    assert line.startswith("#1 b+x is better than #2 a+x: the seeds separate (0.5000, 0.5200 against 0.3000, 0.3100)")


def test_the_files_have_each_seed_and_the_claims():
    report = report_of(*seeds_of("a+x", 20.0, 24.0), *seeds_of("b+x", 30.0))
    markdown, page = to_markdown(report, Path()), to_page(report)
    assert "| 2: 20.00, 24.00 |" in markdown and "| 30.00 | 1 |" in markdown
    assert "- One seed: no claim about &#35;2 b+x." in markdown
    assert 'title="seed 0: 20.00; seed 1: 24.00">2 seeds: 20.00, 24.00</small>' in page
    assert "<li>One seed: no claim about #2 b+x.</li>" in page
    assert "all of one better than all of the other" in markdown and "the 95 % interval" in markdown


def older(tmp_path):
    """Write a grid and an older grid with the same name and a common protocol; return the directory of results."""
    results = tmp_path / "results"
    write_records(results, [make_record(fid=20.0, fakes=10000)], samples=True)
    write_records(results / "older", [make_record(fid=19.0), make_record(fid=21.0, seed=1, fakes=10000)], samples=True)
    return results


def test_older_grids_are_apart_at_the_end(tmp_path):
    report = read_report(older(tmp_path), PUBLISHED)
    assert [[ranked(row).count for row in group.rows] for group in report.groups] == [[1]]
    assert [group.fakes for group in report.older] == [10000, 2000]
    assert report.omitted == []
    text = to_markdown(report, tmp_path)
    newer, _, rest = text.partition("## Older rows")
    assert "results/grid/000.png" in newer and "older" not in newer
    assert rest.count("### fashion-mnist") == 2 and "results/older/grid/001.png" in rest
    page = to_page(report)
    before, _, folded = page.partition('<details id="older">')
    folded, _, _ = folded.partition("</details>")
    assert before.count('<section class="group"') == 1 and folded.count('<section class="group"') == 2
    assert "<h2>Older rows</h2>" in folded


def test_without_older_grids_nothing_is_said_of_them():
    report = report_of(make_record())
    assert "Older" not in to_markdown(report, Path()) and '<details id="older">' not in to_page(report)


def test_older_grids_alone_are_a_leaderboard(tmp_path):
    write_records(tmp_path / "older", [make_record()])
    report = read_report(tmp_path, PUBLISHED)
    assert (len(report.groups), len(report.older)) == (0, 1)
    assert "## Older rows" in to_markdown(report, tmp_path) and '<details id="older">' in to_page(report)


def test_older_records_can_be_verified(tmp_path, capsys):
    results = older(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["bench", "verify", "--digest-only", str(results)])
    assert not stop.value.code and capsys.readouterr().out.count("digest right") == 3


def test_a_grid_cannot_take_the_place_of_the_older_ones():
    with pytest.raises(GanzooError, match="name is 'older'"):
        load_grid(None, {"name": "older", "recipes": ["mlp+minimax"], "kimg": 1.0})


def test_the_table_of_the_readme_has_older_grids_folded(tmp_path):
    benchmarks = tmp_path / "benchmarks"
    older(benchmarks)
    shutil.copy(PUBLISHED.with_name("table.py"), benchmarks)
    (benchmarks / "README.md").write_text("before\n<!-- table: begin -->\n<!-- table: end -->\nafter\n")
    subprocess.run([sys.executable, benchmarks / "table.py"], check=True)
    newer, _, folded = (benchmarks / "README.md").read_text().partition("<details><summary>Older rows</summary>")
    assert newer.startswith("before") and folded.endswith("after\n")
    assert "results/grid/000.png" in newer and "| 20.00 |" in newer and "older" not in newer
    assert "| 19.00 |" in folded and "| 21.00 |" in folded and "(results/older/grid/001.png)" in folded


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": "dcgan+wgan-gp"},
        {"data": "mnist"},
        {"budget": 10.0},
        {"fakes": 10000},
        {"plugins": {"ganzoo": "0.2.0"}},
        {"grid": "another"},
        {"config": {"generator": {"width": 3}}},
        {"protocol": protocol(network="other")},
    ],
    ids=str,
)
def test_what_differs_in_more_than_the_seed_and_the_machine_is_not_averaged(other):
    rows = rows_of(make_record(fid=20.0, seed=0), make_record(**{"fid": 30.0, "seed": 1, **other}))
    assert [ranked(row).count for row in rows] == [1, 1]


def test_a_class_conditional_row_is_marked_and_on_its_own():
    """A protocol with classes gives a record its own group and a mark, even if both configurations are the same."""
    classes = "drawn from the real set's labels"
    free, told = make_record(fid=20.0, seed=0), make_record(fid=10.0, seed=1, protocol=protocol(classes=classes))
    report = report_of(free, told, figures=[replace(LUCIC, fake_pictures=2000)])
    assert [[row.marks for row in group.rows] for group in report.groups] == [[[]], [["class-conditional"]]]
    assert [len(group.published) for group in report.groups] == [1, 0]
    assert protocol_labels(report.groups) == ["2,000 against 10,000 test, unconditional",
                                              "2,000 against 10,000 test, class-conditional"]  # fmt: skip
    markdown, page = to_markdown(report, Path()), to_page(report)
    assert "class-conditional, classes drawn from the real set" in markdown
    assert "| class-conditional; on the Pareto front |" in markdown and ">class-conditional<" in page
    told = replace(LUCIC, fake_pictures=2000, conditional=True)
    assert [len(group.published) for group in report_of(free, figures=[told]).groups] == [0]


def test_settings_of_later_versions_part_no_rows_unless_they_are_used():
    def settings(**more):
        return {"config": {"recipe": "dcgan+minimax", "generator": {"width": 3, **more}, "loop": {"batch": 32}}}

    before, after = make_record(**settings()), make_record(seed=1, **settings(conditional=False))
    assert len(rows_of(before, after)) == 1
    assert len(rows_of(before, make_record(seed=1, **settings(conditional=True)))) == 2
    after.config["loop"]["accumulate"] = 1
    assert len(rows_of(before, after)) == 1


def test_what_to_do_about_faults_parts_no_rows_that_met_none():
    def loop(**settings):
        return {"config": {"recipe": "dcgan+minimax", "loop": {"batch": 32, **settings}}}

    before, stop = make_record(**loop()), make_record(seed=1, **loop(on_nan="stop", max_rollbacks=3))
    assert len(rows_of(before, stop)) == 1
    assert len(rows_of(before, make_record(seed=1, **loop(on_nan="rollback", max_rollbacks=3)))) == 2


def test_a_protocol_is_a_group_of_its_own_and_ranked_alone():
    report = report_of(
        make_record("mlp+minimax", fid=50.0),
        make_record(fid=30.0),
        make_record(fid=12.0, fakes=10000),
        make_record("mlp+minimax", fid=11.0, protocol=protocol(network="another")),
    )
    ranks = [[(row.first.recipe, group.rank(row)) for row in group.rows] for group in report.groups]
    assert ranks == [[("dcgan+minimax", 1)], [("dcgan+minimax", 1), ("mlp+minimax", 2)], [("mlp+minimax", 1)]]
    labels = protocol_labels(report.groups)
    assert labels[0] == "10,000 against 10,000 test"
    assert len(set(labels)) == 3  # groups with the same counts but different networks have different labels


def test_how_the_statistics_were_come_by_is_no_protocol():
    other = protocol(real_statistics="shipped", network_file="x", network_source="y", torch_fidelity="0.5", seed=7)
    (row,) = rows_of(make_record(seed=0), make_record(seed=1, protocol=other))
    assert ranked(row).count == 2


def test_tf32_decides_a_score_and_float32_on_a_gpu_is_that_of_a_cpu():
    cpu, gpu, tf32 = protocol(), protocol(extractor_device="cuda", tf32=False), protocol(tf32=True)
    report = report_of(make_record(), make_record(seed=1, protocol=gpu), make_record(seed=2, protocol=tf32))
    assert cpu.keys() < gpu.keys()
    assert sorted(sum(ranked(row).count for row in group.rows) for group in report.groups) == [1, 2]
    assert sorted("float32 in TF32" in protocol_in_words(group) for group in report.groups) == [False, True]


def test_a_protocol_in_words():
    (group,) = report_of(make_record()).groups
    words = protocol_in_words(group)
    assert words.startswith("2,000 generated images against 10,000 test images of fashion-mnist, 1 x 28 x 28")
    assert "Inception 2015-12-05 (sha256 5b79bf1ba01d…)" in words
    unknown = protocol_in_words(report_of(make_record(protocol=protocol(network="00ff"))).groups[0])
    assert "2015" not in unknown


def test_a_seed_that_is_there_twice_counts_once_and_is_named():
    report = report_of(make_record(fid=20.0), make_record(fid=30.0))
    assert ranked(report.groups[0].rows[0]).mean == 20.0
    assert report.omitted == ["left out: results/1.json repeats seed 0 of results/0.json"]


def test_demonstrations_are_kept_off_and_counted():
    report = report_of(
        make_record(fid=1.0, data="fashion-10k", marks=["demonstration"]),
        make_record(fid=1.0, data="folder:x", protocol=protocol(demonstration=True)),
        make_record(data="fashion-10k", failed="no memory"),
        make_record(fid=30.0),
    )
    assert report.demonstrations == 3
    assert [group.data for group in report.groups] == ["fashion-mnist"]
    assert "3 demonstration records" in to_markdown(report, Path())


def test_failed_rows_are_shown_last_with_their_reason():
    report = report_of(make_record(failed="the loss is not finite"), make_record("mlp+minimax", fid=50.0))
    (group,) = report.groups
    assert [(row.first.recipe, group.rank(row)) for row in group.rows] == [("mlp+minimax", 1), ("dcgan+minimax", None)]
    assert "failed: the loss is not finite" in to_markdown(report, Path())


def test_a_failed_seed_is_said_of_its_row():
    (row,) = rows_of(make_record(failed="too hot", seed=0), make_record(fid=30.0, seed=1))
    assert ranked(row).count == 1
    assert row.marks == ["1 of 2 seeds failed: too hot"]


def test_failed_rows_alone_are_shown_too():
    report = report_of(make_record(failed="too hot"))
    assert "not scored" in to_markdown(report, Path())


def test_failed_rows_stand_with_their_number_of_fakes():
    report = report_of(
        make_record(fid=9.0, fakes=10000), make_record(fid=30.0), make_record("mlp+minimax", failed="x", fakes=10000)
    )
    assert [len(group.rows) for group in report.groups] == [2, 1]


def test_seeds_from_different_commits_are_marked():
    (row,) = rows_of(make_record(seed=0), make_record(seed=1, git_commit="def"))
    assert "seeds from 2 commits" in row.marks


def test_the_front_holds_what_nothing_beats_in_both():
    points = [(5.0, 30.0), (6.0, 25.0), (6.0, 40.0), (7.0, 26.0), (8.0, 20.0), (5.0, 30.0)]
    assert pareto_front(points) == [0, 1, 4]
    assert pareto_front([]) == []


def test_fronts_are_of_one_class_of_hardware_and_without_crowded_rows():
    (group,) = report_of(
        make_record("slow+a", fid=30.0, minutes=9.0),
        make_record("fast+a", fid=40.0, minutes=5.0),
        make_record("beaten+a", fid=41.0, minutes=6.0),
        make_record("gpu+a", fid=35.0, minutes=1.0, hardware={"kind": "NVIDIA H100"}),
        make_record("crowded+a", fid=10.0, minutes=1.0, hardware={"side_by_side": 2}),
    ).groups
    assert {row.first.recipe for row in group.front} == {"slow+a", "fast+a", "gpu+a"}
    crowded = next(row for row in group.rows if row.first.recipe == "crowded+a")
    assert "2 side by side" in crowded.marks


@pytest.mark.parametrize(
    "changes",
    [
        {"fake_pictures": 2000}, {"split": "train"}, {"real_pictures": 50000}, {"reference": "mnist"},
        {"classes": "drawn from the real set's labels"}, {"resize": {"method": "bicubic"}}, {"truncation": 0.7},
    ],
    ids=str,
)  # fmt: skip
def test_published_rows_stand_only_beside_their_own_protocol(changes):
    same = report_of(make_record(fakes=10000), figures=[LUCIC])
    assert (same.groups[0].published, same.elsewhere) == ([LUCIC], [])
    ours = protocol(**{"fake_pictures": 10000, **changes})
    other = report_of(make_record(protocol=ours), figures=[LUCIC])
    assert (other.groups[0].published, other.elsewhere) == ([], [LUCIC])
    assert "## Published under other protocols" in to_markdown(other, Path())


def test_a_source_that_leaves_its_protocol_unsaid_matches_nothing():
    silent = Published(source="somebody", data="fashion-mnist", figures=[Figure("best", "fid", 1.0)])
    assert report_of(make_record(), figures=[silent]).elsewhere == [silent]


def test_the_published_figures_are_readable_and_name_their_source():
    found = read_published(PUBLISHED)
    figures = {(p.data, p.fake_pictures, f.system, f.value) for p in found for f in p.figures}
    assert ("fashion-mnist", 10000, "WGAN", 21.5) in figures
    assert all(published.source for published in found)
    assert any("as quoted in Dai & Wipf 2019" in published.origin for published in found)


@pytest.mark.parametrize("content", ["[{]", '[{"source": "x"}]', '[{"surprise": 1}]', "7"])
def test_a_damaged_file_of_published_figures_is_named(tmp_path, content):
    (tmp_path / "published.json").write_text(content)
    with pytest.raises(GanzooError, match=r"published\.json"):
        read_published(tmp_path / "published.json")


def test_a_damaged_record_is_left_out_and_named(tmp_path):
    first, second, third = write_records(tmp_path, [make_record(seed=seed) for seed in range(3)])
    first.write_text(first.read_text().replace('"fid": 30.0', '"fid": 3.0'))
    second.write_text("{")
    report = read_report(tmp_path, PUBLISHED)
    assert report.groups[0].rows[0].records[0][0] == third
    assert [line.split()[2] for line in report.omitted] == [str(first), str(second)]
    assert first.name in to_markdown(report, tmp_path)
    assert first.name in to_page(report)


def test_no_record_at_all_is_an_error(tmp_path):
    with pytest.raises(GanzooError, match="no record under"):
        read_report(tmp_path, PUBLISHED)


def test_sample_grids_outside_the_results_are_not_read(tmp_path):
    outside = write_records(tmp_path / "elsewhere", [make_record()], samples=True)[0].with_suffix(".png")
    missing, foreign = make_record(seed=0), make_record(seed=1)
    missing.samples, foreign.samples = "gone.png", f"../../elsewhere/grid/{outside.name}"
    write_records(tmp_path / "results", [missing, foreign])
    report = read_report(tmp_path / "results", PUBLISHED)
    assert ["does not exist" in line or "lies outside" in line for line in report.omitted] == [True, True]
    assert "data:image" not in to_page(report)


def test_sample_grids_are_made_small(tmp_path):
    from io import BytesIO
    from urllib.request import urlopen

    from PIL import Image

    Image.radial_gradient("L").resize((2000, 1000)).convert("RGB").save(tmp_path / "big.png")
    with urlopen(data_uri(tmp_path / "big.png")) as stream:  # a data: address needs no network
        small = Image.open(BytesIO(stream.read()))
    assert (small.size, small.mode) == ((LONGEST, LONGEST // 2), "L")


def test_the_markdown_has_every_figure_and_links_its_samples(tmp_path):
    results = tmp_path / "results"
    write_records(results, [make_record(fid=fid, seed=seed) for seed, fid in enumerate((20.0, 24.0))], samples=True)
    text = to_markdown(read_report(results, PUBLISHED), tmp_path)
    (line,) = [line for line in text.splitlines() if line.startswith("| 1 |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:4] == ["`dcgan+minimax`", "22.00 ± 2.83", "2: 20.00, 24.00"]
    assert cells[-1] == "[grid](results/grid/000.png)"
    assert (tmp_path / "results/grid/000.png").is_file()
    assert "    ganzoo run dcgan+minimax seed=0" in text.splitlines()
    heads = [line for line in text.splitlines() if line.startswith("| # |")]
    assert heads[0].count("|") == line.count("|")


class Elements(HTMLParser):
    """A parser that collects the start tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


EVIL = "<script>alert(1)</script>\"'|`<img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def evil_page():
    return to_page(report_of(
        make_record(f"{EVIL}+{EVIL}", fid=30.0, marks=[EVIL], command=f"{EVIL}\n rm -rf x", data=EVIL, curve=True,
                    hardware={"kind": EVIL, "device": EVIL}, protocol=protocol(reference=EVIL, split=EVIL)),
        make_record(f"{EVIL}+{EVIL}", failed=EVIL),
        figures=[Published(source=EVIL, data=EVIL, figures=[Figure(EVIL, "fid", 1.0, note=EVIL)])],
    ))  # fmt: skip


def test_nothing_in_a_record_is_markup_on_the_page(evil_page):
    tags = Elements(evil_page).tags
    assert sum(tag == "script" for tag, _ in tags) == 4
    assert not [attributes for tag, attributes in tags if "onerror" in attributes]
    assert evil_page.count("<script>alert") == 0
    assert "&lt;script&gt;alert(1)" in evil_page


def test_nothing_in_a_record_is_markup_in_the_markdown():
    text = to_markdown(
        report_of(make_record(f"{EVIL}+{EVIL}", marks=[EVIL], command=f"{EVIL}\n# x", data=EVIL)), Path()
    )
    outside_code = [line for line in text.splitlines() if not line.startswith("    ")]
    assert not re.search(r"<(script|img)", "\n".join(outside_code))
    assert "# x" not in text.splitlines()
    (line,) = [line for line in outside_code if line.startswith("| 1 |")]
    (head,) = [line for line in outside_code if line.startswith("| # |")]
    assert line.count("|") == head.count("|")


def test_the_page_loads_nothing(tmp_path):
    write_records(tmp_path / "results", [make_record(curve=True), make_record("mlp+minimax", fid=50.0)], samples=True)
    page = to_page(read_report(tmp_path / "results", PUBLISHED))
    tags = Elements(page).tags
    addresses = [attributes[name] for _, attributes in tags for name in ("src", "href") if name in attributes]
    addresses = [address for address in addresses if not address.startswith("#row-")]
    assert len(addresses) == 3  # two sample grids and the empty icon
    assert all(address.startswith("data:") for address in addresses)
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style
    assert libraries() in page


def test_the_charts_take_what_the_page_gives_them(tmp_path):
    write_records(tmp_path, [make_record(curve=True), make_record(hardware={"side_by_side": 2}, seed=1, curve=True)])
    page = to_page(read_report(tmp_path, PUBLISHED))
    rows, charts = (
        json.loads(page.partition(f'id="{name}">')[2].partition("</script>")[0]) for name in ("rows", "charts")
    )
    assert list(charts) == ["fid"] and 'data-score="fid"' in page
    assert {spec["data"]["name"] for spec in charts["fid"].values()} == {"rows", "curve"}
    alone, crowded = sorted(rows, key=lambda row: row["minutes"] is None)
    assert (alone["minutes"], alone["front"], crowded["minutes"], crowded["front"]) == (5.0, True, None, False)
    assert [point["minutes"] for point in alone["points"]] == [1.0, 2.5, 5.0]
    assert [point["minutes"] for point in crowded["points"]] == [None] * 3


def call(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["bench", "report", *map(str, arguments)])
    return stop.value.code


def test_the_command_writes_both_files(tmp_path, capsys):
    write_records(tmp_path / "results", [make_record()])
    code = call("--results", tmp_path / "results", "--out", tmp_path / "out", "--published", tmp_path / "none.json")
    printed = capsys.readouterr()
    assert code == 0
    assert printed.out.split() == [str(tmp_path / "out/LEADERBOARD.md"), str(tmp_path / "out/leaderboard.html")]
    assert "no published figures" in printed.err


def test_runs_that_were_scored_once_have_no_chart_of_scores_during_training(tmp_path):
    once = make_record(curve=True).curve[-1:]
    write_records(tmp_path / "results", [make_record(curve=once), make_record("mlp+minimax", fid=50.0)])
    call("--results", tmp_path / "results", "--out", tmp_path)
    page = (tmp_path / "leaderboard.html").read_text(encoding="utf-8")
    assert re.findall(r'<figure data-chart="(\w+)"', page) == ["time", "matrix"]
    assert all(row["points"] == [] for row in json.loads(page.partition('id="rows">')[2].partition("</script>")[0]))


def test_a_chart_of_scores_shows_the_runs_of_the_ranking_alone(tmp_path):
    curve = [CurvePoint(kimg, 60.0 * kimg, 0.02, 1000).to_dict("kid_mean") for kimg in (2.0, 5.0)]
    other = make_record("mlp+wgan", scores={"kid_mean": 0.02}, curve=curve)
    write_records(tmp_path / "results", [make_record(), make_record("mlp+minimax", fid=50.0), other])
    call("--results", tmp_path / "results", "--out", tmp_path)
    page = (tmp_path / "leaderboard.html").read_text(encoding="utf-8")
    assert re.findall(r'<figure data-chart="(\w+)"', page) == ["time", "matrix"]


def test_the_page_has_its_charts_without_a_package_for_them(tmp_path, capsys, monkeypatch):
    for name in ("altair", "vl_convert"):
        monkeypatch.setitem(sys.modules, name, None)
    write_records(tmp_path / "results", [make_record(curve=True), make_record("mlp+minimax")])
    assert call("--results", tmp_path / "results", "--out", tmp_path) == 0
    assert "pip install" not in capsys.readouterr().err
    page = (tmp_path / "leaderboard.html").read_text(encoding="utf-8")
    drawn = json.loads(page.partition('id="charts">')[2].partition("</script>")[0])
    assert set(drawn["fid"]) == {"time", "matrix", "curve-kimg", "curve-minutes"}
    assert re.findall(r'<figure data-chart="(\w+)"', page) == ["time", "matrix", "curve"]
    assert libraries() in page and page.count('<tr id="row-') == 2


def test_a_report_is_the_same_each_time(tmp_path):
    write_records(tmp_path / "results", [make_record(), make_record("mlp+minimax")], samples=True)
    texts = []
    for name in ("one", "two"):
        files = write_report(tmp_path / "results", tmp_path / f"{name}.md", tmp_path / f"{name}.html", PUBLISHED)
        texts.append([file.read_text() for file in files])
    assert texts[0] == texts[1]


def test_a_report_needs_no_torch(tmp_path):
    write_records(tmp_path, [make_record()])
    code = (
        "import sys; from pathlib import Path; from ganzoo.bench.leaderboard.report import write_report;"
        f"write_report(Path({str(tmp_path)!r}), *map(Path({str(tmp_path)!r}).joinpath, ('a.md', 'a.html', 'none')));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
