"""Run directories from anyone: checkpoints, logs, scores and provenance are read, left out or refused in one line."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from support.fuzzing import as_text, changed, clean, damaged, deep, values
from support.report_runs import log_record, write_look, write_run

from ganzoo.errors import Damaged
from ganzoo.runs.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from ganzoo.runs.reader import read_facts
from ganzoo.runs.requirements import read_needs
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.checksum import sealed
from ganzoo.utils.files import read_jsonl
from ganzoo_report.closer import read_look
from ganzoo_report.compare.runs import read_runs, summary
from ganzoo_report.story import read_verdicts

META = {"shown": 500, "recipe": "mlp+minimax", "kimg": 0.5, "steps_d": 3, "steps_g": 3, "seconds": 0.1,
        "picture": {"channels": 1, "size": 28, "classes": 0}, "files": {"state.pt": "0" * 64},
        "needs": [{"kind": "loss", "name": "minimax", "distribution": "ganzoo", "version": "0.1.0"}]}  # fmt: skip
SCORE = {"shown": 500, "kimg": 0.5, "checkpoint": "kimg000000.500", "values": {"fid": 3.0}, "protocol": {"a": 1},
         "seconds": 1.0}  # fmt: skip
VERDICTS = {"d_fake": [0.5, -1.0], "d_real": [1.0, 2.0], "probability": True, "zero_is_border": True}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@given(changed(META) | values, st.booleans())
def test_what_a_checkpoint_says_of_itself(place, content, seal):
    if isinstance(content, dict) and seal:
        try:
            content = sealed(content)
        except ValueError:
            content["digest"] = "0"
    (place / "meta.json").write_text(as_text(content))
    found = clean(read_checkpoint, place)
    if found is not None:
        clean(found.check)
        clean(lambda: found.image)
        clean(read_needs, found.meta.get("needs"), "here")
        assert math.isfinite(found.kimg)


@given(damaged(json.dumps(sealed(META)).encode()) | deep.map(str.encode))
def test_damaged_words_of_a_checkpoint(place, content):
    (place / "meta.json").write_bytes(content)
    clean(read_checkpoint, place)


WEIGHTS = save({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)})


@given(damaged(WEIGHTS))
def test_damaged_weights(place, content):
    (place / "ema.safetensors").write_bytes(content)
    clean(Checkpoint(place, META).load_weights, "ema", torch.nn.Linear(3, 2))


HEADER = {"weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
          "bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]}, "__metadata__": {"a": "b"}}  # fmt: skip


@given(changed(HEADER), st.sampled_from([0, 1, 31, 32, 33]))
def test_headers_of_weights(place, header, size):
    text = as_text(header).encode()
    (place / "ema.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))
    clean(Checkpoint(place, META).load_weights, "ema", torch.nn.Linear(3, 2))


@given(st.lists(changed(SCORE) | values, max_size=4), st.lists(changed(log_record(0.2)) | values, max_size=4))
def test_lines_of_logs_and_scores(place, scores, lines):
    directory = RunDir(place)
    directory.config_file.write_text("recipe: mlp+minimax\nloop: {kimg: .inf}\n")
    directory.scores_file.write_text("".join(as_text(record) + "\n" for record in scores))
    directory.log_file.write_text("".join(as_text(record) + "\n" for record in lines))
    best = directory.best()
    assert best is None or isinstance(directory.score_of(best), dict)
    assert math.isfinite(directory.last_scored())
    facts = read_facts(directory)
    assert math.isfinite(facts.kimg) and facts.number("loop.kimg") is None
    directory.rewind(Checkpoint(place, META))
    assert all(record["shown"] <= 500 for record in read_jsonl(directory.log_file))


@given(damaged("".join(json.dumps(log_record(k / 5)) + "\n" for k in range(3)).encode()))
def test_damaged_lines_are_left_out(place, content):
    (place / "log.jsonl").write_bytes(content)
    assert all(isinstance(record, dict) for record in read_jsonl(place / "log.jsonl"))


@given(changed(VERDICTS) | values)
def test_verdicts(place, content):
    (place / "verdicts.json").write_text(as_text(content))
    read_verdicts(place / "verdicts.json")


@given(changed({"needs": META["needs"], "data": {"fingerprint": "0"}, "device": "a CPU"}) | values,
       changed({"values": {"fid": 1.0}, "protocol": {"reference": "mnist"}}) | values)  # fmt: skip
def test_runs_side_by_side(place, origin, score):
    one, two = place / "one", place / "two"
    if not one.exists():
        for path in (one, two):
            write_run(path, steps=1)
    directory = RunDir(one)
    directory.provenance_file.write_text(as_text(origin))
    directory.score_file.write_text(as_text(score))
    found = clean(read_runs, [one, two])
    assert found is not None and all(isinstance(text, str) for _, row in summary(found) for text in row)
    clean(directory.needs)


@given(changed({"checkpoint": "kimg4", "shown": 4000, "nearest": {"space": "features", "searched": 10, "compared": 9,
                "held_out": "test", "generated": [9.0] * 16, "real": [10.0] * 16}}) | values)  # fmt: skip
def test_the_closer_look(place, content):
    path = place / "look"
    if not path.exists():
        write_run(path, steps=1)
        write_look(path)
    (path / "closer/look.json").write_text(as_text(content))
    read_look(RunDir(path))


@pytest.mark.parametrize("name", ["a\0b", "..", "", "\ud800"])
def test_a_checkpoints_files_lie_beside_it(tmp_path, name):
    found = write_checkpoint(tmp_path, {"shown": 1}, {}, {})
    (found.path / "meta.json").write_text(as_text(sealed({"shown": 1, "files": {name: "0"}})))
    with pytest.raises(Damaged, match=r"meta\.json is damaged"):
        read_checkpoint(found.path)


def test_scores_that_say_nothing_of_what_they_are_of_are_left_out(tmp_path):
    directory = RunDir(tmp_path)
    lines = [{"values": {"fid": 1.0}}, {**SCORE, "values": {"fid": "1"}}, {**SCORE, "shown": "x"}, SCORE]
    directory.scores_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert directory.best() == SCORE["checkpoint"] and directory.last_scored() == 500
