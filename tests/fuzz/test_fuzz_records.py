"""Records, published figures and the notes of a grid from anyone are read, or refused in one line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bench_records import make_record
from support.fuzzing import EVIL, as_text, changed, clean, damaged, deep, values

from ganzoo.bench.grid import Grid
from ganzoo.bench.harness import Harness
from ganzoo.bench.leaderboard.board import make_report
from ganzoo.bench.leaderboard.markdown import to_markdown
from ganzoo.bench.leaderboard.published import read_published
from ganzoo.bench.record import Record, read_record, write_record
from ganzoo.errors import GanzooError
from ganzoo.utils.checksum import sealed

RECORD = json.loads(json.dumps(asdict(make_record("dcgan/mlp+wgan-gp+r1", curve=True))))
PUBLISHED = json.loads((Path(__file__).parents[2] / "benchmarks/published.json").read_text())


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("GANZOO_SECRET", "s3cret")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


def read(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    record = clean(read_record, file)
    if record is not None:
        assert "s3cret" not in repr(record)
        write_record(file, record)
        assert repr(read_record(file)) == repr(record)


@given(changed(RECORD))
def test_records_that_are_sealed_but_strange(place, content):
    try:
        text = as_text(sealed(content))
    except ValueError:  # a number is not finite, so the record cannot be sealed
        text = as_text({**content, "digest": "0"})
    read(place / "record.json", text.encode())


@given(
    damaged(as_text(sealed(RECORD)).encode()) | values.map(lambda value: as_text(value).encode()) | deep.map(str.encode)
)
def test_damaged_records(place, content):
    read(place / "record.json", content)


@given(changed(PUBLISHED) | values)
def test_published_figures(place, content):
    file = place / "published.json"
    file.write_text(as_text(content))
    found = clean(read_published, file)
    assert found is None or "s3cret" not in repr(found)


@given(changed({"grid": {"kimg": 3.0, "minutes": None, "settings": []}, "budgets": {"a": {"kimg": 1.0}}}) | values)
def test_a_grids_notes(place, content):
    bench = Harness.__new__(Harness)
    bench.results, bench.grid = place, Grid("grid", ["mlp"], ["minimax"], kimg=3.0)
    bench._notes.write_text(as_text(content))
    clean(bench._claim_directory)


@given(st.sampled_from(EVIL) | st.text())
def test_a_failed_rows_reason_is_kept_to_the_letter(place, reason):
    record = make_record(failed=reason or "nothing")
    clean(write_record, place / "failed.json", record)
    found = clean(read_record, place / "failed.json")
    if reason != "???" and "\ud800" not in reason:
        assert found == record


@pytest.mark.parametrize("text", ["${oc.env:GANZOO_SECRET}", "\\${a}", "${", "a ${b} c"])
def test_a_record_reads_no_environment(place, text):
    record = make_record(failed=text)
    write_record(place / "one.json", record)
    assert read_record(place / "one.json").reason == text


@given(st.lists(changed(RECORD), min_size=1, max_size=4))
def test_what_is_read_can_be_tabled(place, contents):
    found: list[tuple[Path, Record]] = []
    for number, content in enumerate(contents):
        file = place / f"{number}.json"
        try:
            file.write_text(as_text(sealed(content)))
        except ValueError:
            continue
        record = clean(read_record, file)
        found += [] if record is None else [(file, record)]
    assert "s3cret" not in to_markdown(make_report(found), place)


def test_a_damaged_note_is_named(tmp_path):
    bench = Harness.__new__(Harness)
    bench.results, bench.grid = tmp_path, Grid("grid", ["mlp"], ["minimax"], kimg=3.0)
    bench._notes.write_text('{"grid": 3}')
    with pytest.raises(GanzooError, match=r"grid\.json is damaged; restore it, or give this grid another --name"):
        bench._claim_directory()
