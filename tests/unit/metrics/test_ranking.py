"""Runs and leaderboards rank by the primary value of the first metric, in the direction that the metric states."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from support.bench_records import make_record, protocol
from support.runs import resume, start
from support.violations.data import GoodExtractor

from ganzoo import ExtractorEntry, MetricEntry, hookimpl
from ganzoo.bench.harness import Harness
from ganzoo.bench.leaderboard.board import make_report
from ganzoo.bench.leaderboard.markdown import to_markdown
from ganzoo.bench.record import read_record, write_record
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Metric
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import revise
from ganzoo.runs.ranking import Ranking, best_of, read_ranking
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.training import run
from ganzoo.utils.files import read_jsonl
from ganzoo.utils.signals import INTERRUPTED, Stopped
from ganzoo_report import diagnosis
from ganzoo_report.curves import charts
from ganzoo_report.story import Story

NOTHING = Story((), None)
BEAUTY = {"value": "beauty", "lower_is_better": False}


class Channels(GoodExtractor):
    """An extractor that needs no weights."""


class Beauty(Metric):
    """A metric that falls with each score, although higher is better."""

    given: list[float] = []

    def __call__(self, *, real, fake, seed) -> Mapping[str, float]:
        self.given.append(1 / (len(self.given) + 1))
        return {"note": float(len(self.given)), "beauty": self.given[-1]}


class Plugin:
    """A plugin with the extractor and the metric."""

    @hookimpl
    def register_extractors(self, register) -> None:
        register(
            ExtractorEntry(
                name="channels", summary="means", target=f"{__name__}:Channels", features={"means": 3}, weights=False
            )
        )

    @hookimpl
    def register_metrics(self, register) -> None:
        register(
            MetricEntry(
                name="made-up",
                summary="beauty",
                target=f"{__name__}:Beauty",
                extractor="channels",
                reads="statistics",
                primary="beauty",
                lower_is_better=False,
            )
        )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that was scored four times."""
    zoo = Registry.load(strict=True)
    zoo.add(Plugin, "beauty", "ganzoo-beauty", "1.0")
    settings = [
        "generator.width=32", "discriminator.width=32", "loop.kimg=0.512", "loop.batch=16", "loop.log_kimg=0.128",
        "loop.snapshot_kimg=0.064", "loop.keep=1", "loop.device=cpu", "metrics.names=[made-up]", "metrics.fakes=16",
        "metrics.times=4",
    ]  # fmt: skip
    config = resolve(zoo, "mlp+minimax", None, settings)
    return start(zoo, config, Display(Console(file=io.StringIO())), out=tmp_path_factory.mktemp("beauty") / "run")


def test_the_best_checkpoint_of_a_run_has_the_highest_value_where_higher_is_better(trained):
    assert trained.score["protocol"]["ranked_by"] == BEAUTY
    assert trained.score["values"]["beauty"] == 0.25
    assert trained.directory.checkpoint("best").kimg == 0.128
    names = [path.name for path in sorted(trained.directory.checkpoints.iterdir())]
    assert names == ["kimg000000.128", "kimg000000.512"], "the best one is kept beside the newest"
    assert trained.directory.score_of("kimg000000.128")["values"]["beauty"] == 1.0


class Copies(Metric):
    """The share of copies, which has no better direction."""

    def __call__(self, *, real, fake, seed) -> Mapping[str, float]:
        return {"copies": 0.5}


class WithCopies(Plugin):
    @hookimpl
    def register_metrics(self, register) -> None:
        super().register_metrics(register)
        facts = {"extractor": "channels", "reads": "statistics", "ranks": False}
        register(MetricEntry(name="copies", summary="copies", target=f"{__name__}:Copies", **facts))


def test_a_metric_without_a_direction_does_not_rank_even_if_it_is_named_first(tmp_path):
    zoo = Registry.load(strict=True)
    zoo.add(WithCopies, "beauty", "ganzoo-beauty", "1.0")
    settings = ["loop.kimg=0.064", "metrics.fakes=16", "loop.device=cpu"]
    config = resolve(zoo, "mlp+minimax", None, [*settings, "metrics.names=[copies,made-up]"])
    score = start(zoo, config, Display(Console(file=io.StringIO())), out=tmp_path / "run").score
    assert score["values"]["copies"] == 0.5 and score["protocol"]["ranked_by"] == BEAUTY
    alone = resolve(zoo, "mlp+minimax", None, [*settings, "metrics.names=[copies]"])
    with pytest.raises(GanzooError, match=r"metrics\.names: copies ranks no scores; add a metric that does"):
        start(zoo, alone, Display(Console(file=io.StringIO())), out=tmp_path / "alone")


def test_a_runs_needs_name_the_extractor_of_its_metric(trained):
    needs = {(need.kind, need.name, need.distribution) for need in trained.directory.needs()}
    assert {("metric", "made-up", "ganzoo-beauty"), ("extractor", "channels", "ganzoo-beauty")} <= needs


def test_a_report_speaks_of_the_value_that_ranks_and_of_its_direction(trained):
    facts = read_facts(trained.directory)
    assert facts.ranking == Ranking("beauty", lower_is_better=False)
    assert [value for _, value in facts.ranked] == [1.0, 0.5, 1 / 3, 0.25]
    found = diagnosis.past_its_best(facts, NOTHING)
    assert found is not None and found.why.startswith("The beauty was 1.0 at 0.128 kimg and is 0.25 at 0.512 kimg")
    assert diagnosis.still_improving(facts, NOTHING) is None
    assert diagnosis.no_learning(facts, NOTHING) is None
    stuck = replace(facts, scores=tuple({"kimg": k / 20, "beauty": 0.25} for k in (1, 2, 3)))
    never = diagnosis.no_learning(stuck, NOTHING)
    assert never is not None and "never rose above where it began" in never.why
    (score,) = (chart for chart in charts(facts) if chart["title"] == "beauty")
    assert "higher is better" in score["words"] and [row["v"] for row in score["rows"]] == [1.0, 0.5, 0.33333, 0.25]


def test_a_score_that_a_stop_prevented_is_computed_by_the_next_resume(trained, tmp_path, monkeypatch):
    """The run was scored with 16 images; a resume with 32 is stopped before its score."""
    zoo = Registry.load(strict=True)
    zoo.add(Plugin, "beauty", "ganzoo-beauty", "1.0")
    directory = tmp_path / "run"
    shutil.copytree(trained.directory.path, directory)

    def stopped(*arguments, **options):
        raise Stopped(INTERRUPTED)

    with monkeypatch.context() as patch:
        patch.setattr(run, "score_configured", stopped)
        revision = revise(zoo, RunDir(directory), ["metrics.fakes=32"])
        assert not run.resume(revision, directory).finished
    assert resume(zoo, directory).score["protocol"]["fake_pictures"] == 32
    lines = len(read_jsonl(directory / "scores.jsonl"))
    assert resume(zoo, directory).score["protocol"]["fake_pictures"] == 32
    assert len(read_jsonl(directory / "scores.jsonl")) == lines, "a known score is not computed again"


def record_of(recipe: str, beauty: float, **changes):
    return make_record(recipe, scores={"note": 1.0, "beauty": beauty}, protocol=protocol(ranked_by=BEAUTY), **changes)


def test_a_leaderboard_ranks_by_it_in_its_direction():
    records = [
        record_of("good+a", 0.9, minutes=9.0), record_of("best+a", 0.95, minutes=10.0),
        record_of("slow+a", 0.8, minutes=12.0),
    ]  # fmt: skip
    report = make_report([(Path(f"{number}.json"), record) for number, record in enumerate(records)])
    (group,) = report.groups
    assert [row.first.recipe for row in group.rows] == ["best+a", "good+a", "slow+a"]
    assert [group.rank(row) for row in group.rows] == [1, 2, 3]
    assert {row.first.recipe for row in group.front} == {"best+a", "good+a"}
    table = to_markdown(report, Path())
    assert "| # | recipe | beauty |" in table and "| 1 | `best+a` | 0.9500 |" in table


def test_scores_of_another_metric_are_not_ranked_among_them():
    records = [record_of("one+a", 0.2), record_of("two+a", 0.9), make_record("three+a", fid=1.0)]
    (group,) = make_report([(Path(f"{number}.json"), record) for number, record in enumerate(records)]).groups
    assert [(row.first.recipe, group.rank(row)) for row in group.rows] == [
        ("two+a", 1),
        ("one+a", 2),
        ("three+a", None),
    ]


def test_the_weights_of_the_best_rows_are_kept_in_its_direction(tmp_path):
    harness = Harness.__new__(Harness)
    harness.results = tmp_path
    (tmp_path / "weights").mkdir()
    for recipe, beauty in (("one+a", 0.2), ("two+a", 0.9)):
        record = record_of(recipe, beauty)
        record.weights.file = f"weights/{recipe}.safetensors"
        write_record(tmp_path / f"{recipe}.json", record)
        (tmp_path / record.weights.file).touch()
    harness._prune_weights(1)
    assert [file.name for file in (tmp_path / "weights").iterdir()] == ["two+a.safetensors"]


def test_scores_that_do_not_say_are_ranked_by_their_first_value_lower_being_better():
    assert read_ranking({"fid": 3.0, "kid_mean": 1.0}, {}) == Ranking("fid")
    assert read_ranking({}, {"ranked_by": BEAUTY}) is None
    for damaged in ({"value": "gone", "lower_is_better": True}, {"value": "fid"}, {"value": ["fid"]}, "fid", None):
        assert read_ranking({"fid": 3.0}, {"ranked_by": damaged}) == Ranking("fid")
    old = [{"values": {"fid": value}, "protocol": {}, "checkpoint": name} for name, value in (("a", 9.0), ("b", 8.0))]
    assert best_of(old) == old[1]
    assert best_of([]) is None


def test_titles_are_those_that_readers_know():
    titles = {Ranking(value).title for value in ("fid", "kid_mean", "precision", "fd_dinov2")}
    assert titles == {"FID", "KID mean", "precision", "FD dinov2"}


def test_a_point_of_a_records_curve_has_its_value_under_its_own_name(tmp_path):
    record = make_record(curve=True)
    write_record(tmp_path / "old.json", record)
    assert '"fid": 330.0' in (tmp_path / "old.json").read_text()
    assert [point.value for point in read_record(tmp_path / "old.json").points] == [330.0, 150.0, 90.0]
    for wrong in ({"kimg": 1.0}, {**record.curve[0], "fakes": "many"}, {**record.curve[0], "more": 1.0}):
        record.curve = [wrong]
        with pytest.raises(GanzooError, match="does not follow the schema: curve holds"):
            write_record(tmp_path / "wrong.json", record)


def test_only_scores_with_the_settings_of_the_newest_are_compared():
    """An FID of 1,000 images is higher than one of 10,000 of the same generator."""

    def scored(checkpoint: str, fid: float, **asked: object) -> dict[str, object]:
        given = {"asked": {"mode": "fast", **asked}} if asked else {}
        return {"checkpoint": checkpoint, "values": {"fid": fid}, "protocol": {}, **given}

    old, first, last = scored("a", 50.0), scored("b", 30.0, fakes=10_000), scored("c", 45.0, fakes=1_000)
    better = {**scored("d", 41.0, fakes=1_000), "asked": {"mode": "exact", "fakes": 1_000}}
    assert best_of([old, first])["checkpoint"] == "b"
    assert best_of([old, first, last])["checkpoint"] == "c"
    assert best_of([old, first, last, better])["checkpoint"] == "d"
    assert best_of([]) is None
