"""A selection of ``benchmarks/trust``, and tests of damaged files, locks, signals and failed writes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from support.runs import resume, start

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.errors import Damaged, GanzooError, WriteFailed
from ganzoo.metrics import configured
from ganzoo.runs.checkpoint import list_checkpoints
from ganzoo.runs.load import load_config
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.loop import Loop
from ganzoo.utils.files import append_text, read_jsonl, write_text, write_whole
from ganzoo.utils.lock import alone_in
from ganzoo.utils.signals import PREEMPTED, Stopped, heeding_signals

TRUST = Path(__file__).parents[2] / "benchmarks/trust"


def of_trust(script: str) -> str:
    """Run a script with ``--quick`` in a separate process, because it forks and this process has threads."""
    command = [sys.executable, str(TRUST / script), "--quick"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.long
def test_a_selection_of_the_fault_campaign_loses_nothing():
    printed = of_trust("faults.py")
    lost = re.findall(r"\| \*\*all\*\* \| \| \*\*(\d+)\*\* \| \| \*\*(\d+)\*\* \|", printed)
    assert len(lost) == 4 and all(int(times) >= 3 and runs == "0" for times, runs in lost)


@pytest.mark.long
def test_a_short_soak_stays_flat():
    printed = of_trust("soak.py")
    assert printed.count("+0 open files") == 2


@pytest.fixture
def quiet() -> Display:
    return Display(Console(quiet=True))


@pytest.fixture
def finished(registry, quiet, tiny, tmp_path) -> RunDir:
    return start(registry, resolve(registry, "mlp+minimax", None, tiny("mlp")), quiet, out=tmp_path / "run").directory


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_the_newest_good_checkpoint_is_used_and_the_damaged_one_named(registry, quiet, finished, logged):
    older, newer = list_checkpoints(finished.checkpoints)
    before = (newer.path / "ema.safetensors").read_bytes()
    flip(newer.path / "discriminator.safetensors")
    assert finished.newest_good().path == older.path
    file = newer.path / "discriminator.safetensors"
    assert logged == [f"{file} is damaged: its checksum does not match; {older.path.name} is used"]
    with pytest.raises(Damaged, match="its checksum does not match"):
        finished.checkpoint(newer.path.name)
    assert resume(registry, finished.path, quiet).finished
    assert (newer.path / "ema.safetensors").read_bytes() == before
    assert (finished.checkpoints / f"damaged-{newer.path.name}").is_dir()


def test_where_all_checkpoints_are_damaged_nothing_is_begun_anew(registry, quiet, finished):
    for checkpoint in list_checkpoints(finished.checkpoints):
        (checkpoint.path / "meta.json").write_text("{")
    with pytest.raises(Damaged, match=r"no other checkpoint in .* is whole; start again"):
        resume(registry, finished.path, quiet)


def test_a_damaged_config_is_replaced_by_the_checkpoints_copy(finished, logged):
    assert finished.good_config() == finished.config_file and logged == []
    flip(finished.config_file)
    newest = finished.latest().path
    assert finished.good_config() == newest / "config.yaml"
    assert logged == [f"{finished.config_file} is damaged: its checksum does not match; the copy in {newest} is used"]
    for size in (200, 40, 5, 0, 100):  # the last file is all zeros, as after a power cut
        os.truncate(finished.config_file, size)
        assert finished.good_config() == newest / "config.yaml"


def test_a_config_changed_on_purpose_counts(registry, finished):
    text = finished.config_file.read_text()
    first, _, rest = text.partition("\n")
    assert first.endswith("take this line out where you change something on purpose")
    finished.config_file.write_text(rest.replace("seed: 0", "seed: 7", 1))
    assert load_config(registry, finished).values.seed == 7


def test_one_process_at_a_time_uses_a_directory(tmp_path):
    with (
        alone_in(tmp_path),
        pytest.raises(GanzooError, match=rf"is in use by process {os.getpid()} on .*; wait for it to end, or stop it"),
        alone_in(tmp_path),
    ):
        pass
    with alone_in(tmp_path):
        pass


def test_what_was_stopped_before_it_began_can_be_begun_again(tmp_path):
    directory = RunDir.reserve(tmp_path / "run", "a+b")
    for name in ("lock", "provenance.json", ".config.yaml.part"):
        (directory.path / name).touch()
    RunDir.create(tmp_path / "run", "a+b", "seed: 1\n")
    with pytest.raises(GanzooError, match="already exists"):
        RunDir.reserve(tmp_path / "run", "a+b")


def test_weights_that_a_run_began_with_survive_a_kill_before_its_first_checkpoint(
    registry, quiet, tiny, tmp_path, finished, monkeypatch
):
    config = resolve(registry, "mlp+minimax", None, [*tiny("mlp"), "loop.kimg=0.032"])
    expected = start(registry, config, quiet, out=tmp_path / "whole", init_from=finished.path).directory

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Loop, "train", killed)
        start(registry, config, quiet, out=tmp_path / "killed", init_from=finished.path)
    found = resume(registry, tmp_path / "killed", quiet).directory
    weights = [directory.latest().path / "generator.safetensors" for directory in (expected, found)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_sigterm_before_training_ends_at_once_and_while_training_it_is_asked_for():
    with heeding_signals() as stop:
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.value.code == PREEMPTED == 75
        stop.loop = type("Loop", (), {"all_saved": False, "stop_requested": False})()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.loop.stop_requested


@pytest.mark.parametrize("moment", ["while scoring", "just before"])
def test_a_score_that_was_stopped_is_taken_after_the_resume(registry, quiet, tiny, tmp_path, monkeypatch, moment):
    """SIGTERM arrives during or just before the second of four scores. After the resume the curve has all four."""
    from ganzoo.metrics.score import Score

    known, asked, scored = RunDir.score_of, list[int](), list[int]()

    def ask_once(now: str) -> None:
        if moment == now:
            asked.append(len(asked))
            if len(asked) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    def score_of(directory, name, *settings):
        ask_once("just before")
        return known(directory, name, *settings)

    def score(*_, **options):
        ask_once("while scoring")
        scored.append(len(scored))
        return Score({"fid": 1.0}, {}, 0.0)

    monkeypatch.setattr(RunDir, "score_of", score_of)
    monkeypatch.setattr(configured, "score", score)
    settings = [*tiny("mlp", snapshot_kimg=0.064), "metrics.names=[fid]", "metrics.times=4"]
    outcome = start(registry, resolve(registry, "mlp+minimax", None, settings), quiet, out=tmp_path / "run")
    assert (outcome.finished, outcome.code, len(scored)) == (False, 75, 1)
    assert resume(registry, tmp_path / "run", quiet).finished
    assert [record["kimg"] for record in read_jsonl(outcome.directory.scores_file)] == [0.128, 0.256, 0.384, 0.512]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "before")

    def fail(stream):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(WriteFailed, match=r"cannot write .*a\.txt: No space left on device; earlier files are intact"):
        write_whole(file, fail)
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]


def test_lines_are_appended_whole_and_damaged_ones_left_out(tmp_path):
    file = tmp_path / "log.jsonl"
    append_text(file, '{"shown": 1}\n')
    append_text(file, '{"shown": 2\n\xff\n{"shown": 3}\n')
    assert read_jsonl(file) == [{"shown": 1}, {"shown": 3}]
