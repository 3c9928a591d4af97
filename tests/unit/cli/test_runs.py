"""`ganzoo runs` prints one line per run and counts directories that are not runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.runs import write_untrained

from ganzoo.runs.overview import look_through
from ganzoo.utils.lock import alone_in


def row(out: str, where: str) -> list[str]:
    (line,) = (line for line in out.splitlines() if line.endswith(where))
    return line.split()


def test_each_run_is_a_line_and_the_newest_is_first(ganzoo):
    write_untrained(Path("runs/old"), kimg=2, budget=5, changed=1_000_000)
    write_untrained(Path("runs/new"), recipe="dcgan+wgan-gp", data="mnist", scores=(90, 40.5), changed=2_000_000)
    code, out, err = ganzoo("runs")
    assert (code, err) == (0, "")
    heading, first, second = out.splitlines()
    assert heading.split() == ["recipe", "data", "score", "state", "kimg", "when", "where"]
    assert first.split()[:6] == ["dcgan+wgan-gp", "mnist", "FID", "40.50", "finished", "3/3"]
    assert second.split()[:4] == ["mlp+minimax", "fashion-10k", "stopped", "2/5"]
    assert first.endswith("runs/new") and second.endswith("runs/old")


def test_a_published_run_has_the_kimg_of_its_checkpoint(ganzoo):
    directory = write_untrained(Path("runs/published"))
    directory.log_file.unlink()
    assert row(ganzoo("runs")[1], "runs/published")[:4] == ["mlp+minimax", "fashion-10k", "finished", "3/3"]


def test_another_directory_and_the_rows_of_a_benchmark_are_found(ganzoo):
    write_untrained(Path("work/bench/grid/row"))
    assert "work/bench/grid/row" in ganzoo("runs", "work")[1]
    assert "work/bench/grid/row" in ganzoo("runs", "work/bench/grid/row")[1]


def test_a_run_that_a_process_works_in_is_running(ganzoo):
    directory = write_untrained(Path("runs/busy"), kimg=1, budget=2)
    with alone_in(directory.path):
        assert "running" in row(ganzoo("runs")[1], "runs/busy")
    assert "stopped" in row(ganzoo("runs")[1], "runs/busy")


def test_the_lock_that_a_dead_process_left_is_not_tried(ganzoo, monkeypatch):
    """`ganzoo runs` does not try the lock of a dead process, since this could block a process that starts."""
    directory = write_untrained(Path("runs/killed"), kimg=1, budget=2)
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    (directory.path / "lock").write_text(f"process {child.stdout.strip()} on {socket.gethostname()}")
    monkeypatch.setattr("ganzoo.utils.lock.lock_descriptor", lambda *a, **k: pytest.fail("tried"))
    assert "stopped" in row(ganzoo("runs")[1], "runs/killed")


def test_what_is_no_run_is_skipped_and_counted(ganzoo):
    write_untrained(Path("runs/good"))
    for name in ("empty", ".hidden", "notes/deep"):
        Path("runs", name).mkdir(parents=True)
    write_untrained(Path("runs/damaged")).config_file.write_bytes(b"# sha256 \0\xff: [")
    write_untrained(Path("runs/list")).config_file.write_text("# sha256 0\n- 1\n")
    Path("runs/a file").touch()
    Path("runs/circle").symlink_to(Path("runs").absolute())
    code, out, err = ganzoo("runs")
    assert code == 0 and len(out.splitlines()) == 2
    assert err == "skipped 4 directories without a run: damaged, ...\n"


def test_damaged_files_of_a_run_are_left_out(ganzoo):
    directory = write_untrained(Path("runs/odd"), kimg=2, scores=(5,))
    with directory.log_file.open("ab") as log:
        log.write(b'[1]\n{"kimg": "x"}\n{"kimg": 3, "sh')
    directory.score_file.write_text('{"values": ["fid"], "protocol": 3}')
    assert row(ganzoo("runs")[1], "runs/odd")[:4] == ["mlp+minimax", "fashion-10k", "stopped", "2/3"]


def test_pipes_are_not_waited_for(ganzoo):
    directory = write_untrained(Path("runs/pipes"), kimg=0)
    for name in ("log.jsonl", "score.json", "lock"):
        (directory.path / name).unlink(missing_ok=True)
        os.mkfifo(directory.path / name)
    assert row(ganzoo("runs")[1], "runs/pipes")[3] == "0/3"


def test_what_a_stranger_wrote_does_not_steer_the_terminal(ganzoo):
    write_untrained(Path("runs/x"), recipe="mlp\x1b[2J+minimax", data="folder:a\nb")
    out = ganzoo("runs")[1]
    assert "\x1b" not in out and len(out.splitlines()) == 2


def test_json_has_all_values(ganzoo):
    write_untrained(Path("runs/x"), scores=(7,), changed=0)
    Path("runs/none").mkdir()
    found = json.loads(ganzoo("runs", "--json")[1])
    assert found["skipped"] == ["runs/none"]
    assert found["runs"] == [
        {
            "recipe": "mlp+minimax",
            "data": "fashion-10k",
            "score": 7.0,
            "ranked_by": {"value": "fid", "lower_is_better": True},
            "values": {"fid": 7.0},
            "state": "finished",
            "kimg": 3.0,
            "budget_kimg": 3.0,
            "changed": "1970-01-01T00:00:00+00:00",
            "path": "runs/x",
        }
    ]


def test_no_runs_is_no_error_but_a_missing_directory_is(ganzoo):
    assert ganzoo("runs")[:2] == (0, "no runs in runs; `ganzoo run` begins one\n")
    code, _, err = ganzoo("runs", "nowhere")
    assert code == 2 and "nowhere is not a directory" in err


def test_a_long_log_is_read_from_its_end(tmp_path):
    directory = write_untrained(tmp_path / "run", kimg=1)
    lines = (f'{{"kimg": {kimg}, "shown": {kimg}000, "pad": "{"x" * 200}"}}\n' for kimg in range(1, 2000))
    directory.log_file.write_text("".join(lines))
    assert look_through(tmp_path).rows[0].kimg == 1999


def test_the_table_imports_no_torch(tmp_path):
    write_untrained(tmp_path / "runs/x", scores=(7,))
    code = (
        "import sys\n"
        "from ganzoo.cli.main import main\n"
        "try: main(['runs'])\n"
        "except SystemExit: pass\n"
        "print({'torch'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ended.stdout.endswith("runs/x\nset()\n"), ended.stderr
