"""A run's directory is not spoiled by what is missing in it, and does not lead elsewhere."""

from __future__ import annotations

import os

import pytest
from support.runs import write_untrained

from ganzoo.errors import GanzooError
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.shared_dir import alone_in_run


def test_a_log_without_its_checkpoints_is_kept(tmp_path):
    run = write_untrained(tmp_path / "run", scores=(9, 3))
    log, scores = run.log_file.read_bytes(), run.scores_file.read_bytes()
    run.checkpoints.rename(tmp_path / "elsewhere")
    with pytest.raises(GanzooError, match=r"run was trained, but holds no checkpoint; restore .*checkpoints"):
        run.rewind(None)
    assert (run.log_file.read_bytes(), run.scores_file.read_bytes()) == (log, scores)


def test_the_way_out_is_named_for_a_run_without_checkpoints(tmp_path):
    new = RunDir(write_untrained(tmp_path / "new", kimg=0).path)
    with pytest.raises(GanzooError, match=r"holds no checkpoint yet; start it with `ganzoo resume "):
        new.checkpoint("latest")
    run = write_untrained(tmp_path / "run")
    run.checkpoints.rename(tmp_path / "elsewhere")
    with pytest.raises(GanzooError, match=r"run was trained, but holds no checkpoint; restore "):
        run.checkpoint("latest")


@pytest.mark.parametrize("name", ["checkpoints", "samples", "verdicts", "plugins"])
def test_a_run_with_a_linked_directory_is_not_worked_in(tmp_path, name):
    run = write_untrained(tmp_path / "run")
    (tmp_path / "mine").mkdir()
    if (run.path / name).exists():
        (run.path / name).rename(tmp_path / "moved")
    (run.path / name).symlink_to(tmp_path / "mine")
    with pytest.raises(GanzooError, match=f"{name} is a link, which may lead anywhere"), alone_in_run(run.path):
        pass


def test_a_pipe_is_not_read(tmp_path):
    run = write_untrained(tmp_path / "run")
    os.mkfifo(run.path / "provenance.json")
    assert run.provenance() == {}


def test_a_message_names_the_directory_of_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(GanzooError, match=r"^runs already exists and is not a directory; choose another --out"):
        RunDir.reserve(None, "mlp+minimax")
