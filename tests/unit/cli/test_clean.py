"""`ganzoo clean` removes old checkpoints and caches on request, and leaves all other files alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from support.images import open_images
from support.runs import write_untrained

from ganzoo.metrics.files import write_arrays
from ganzoo.metrics.reader import Reader
from ganzoo.metrics.reference import cache_name
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.lock import alone_in

FIRST, SECOND, THIRD, FOURTH = (f"kimg00000{place}.000" for place in (1, 2, 3, 4))


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """The directory of data and caches, which does not exist yet."""
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def run(ganzoo, root) -> RunDir:
    """A run with four checkpoints; the second has the best score."""
    return write_untrained(Path("runs/a"), kimg=4, budget=4, scores=(9, 3, 5))


def left(run: RunDir) -> set[str]:
    return {path.name for path in run.checkpoints.iterdir()}


def test_what_cannot_be_removed_is_a_failure(ganzoo, run, monkeypatch):
    def refuse(found):
        raise PermissionError(13, "Permission denied", str(found.path))

    monkeypatch.setattr("ganzoo.cli.clean.remove", refuse)
    code, out, err = ganzoo("clean", "--yes", "runs/a")
    assert code == 1 and err.count("not removed: ") == 2 and "nothing to remove" not in out


def test_without_yes_nothing_goes(ganzoo, run):
    for arguments in ((), ("--dry-run",), ("runs/a",)):
        code, out, _ = ganzoo("clean", *arguments)
        assert code == 0 and out.splitlines()[-1].endswith("MiB would be removed; do it with --yes")
        assert [Path(line.split()[2]).name for line in out.splitlines()[:-1]] == [FIRST, THIRD]
    assert left(run) == {FIRST, SECOND, THIRD, FOURTH}


def test_the_best_and_the_newest_checkpoint_stay(ganzoo, run):
    assert ganzoo("clean", "--yes")[1].splitlines()[-1].startswith("removed ")
    assert left(run) == {SECOND, FOURTH}
    assert run.newest_good().path.name == FOURTH and run.checkpoint("best").path.name == SECOND
    assert ganzoo("clean", "--yes")[1] == "nothing to remove\n"


def test_without_a_score_the_newest_stays(ganzoo, root):
    run = write_untrained(Path("runs/a"))
    ganzoo("clean", "runs/a", "--yes")
    assert left(run) == {THIRD}


def test_the_newest_that_is_not_damaged_stays(ganzoo, run):
    (run.checkpoints / FOURTH / "state.pt").write_bytes(b"cut")
    ganzoo("clean", "--yes")
    assert left(run) == {SECOND, THIRD, FOURTH}


def test_nothing_of_a_run_without_a_good_checkpoint_goes(ganzoo, run):
    for path in run.checkpoints.iterdir():
        (path / "state.pt").write_bytes(b"cut")
    code, out, err = ganzoo("clean", "--yes")
    assert code == 0 and out == "nothing to remove\n" and "runs/a is left alone" in err
    assert len(left(run)) == 4


def test_a_run_that_a_process_works_in_is_left_alone(ganzoo, run):
    with alone_in(run.path):
        assert "runs/a is left alone: a process works in it" in ganzoo("clean", "--yes")[2]
    assert len(left(run)) == 4


def test_what_others_put_among_the_checkpoints_stays(ganzoo, run, tmp_path):
    (run.checkpoints / FIRST / "notes.txt").write_text("mine")
    (run.checkpoints / "kimg-mine").mkdir()
    elsewhere = tmp_path / "elsewhere"
    (run.checkpoints / THIRD).rename(elsewhere)
    (run.checkpoints / THIRD).symlink_to(elsewhere)
    assert ganzoo("clean", "--yes")[1] == "nothing to remove\n"
    assert left(run) == {FIRST, SECOND, THIRD, FOURTH, "kimg-mine"} and (elsewhere / "meta.json").exists()


def test_checkpoints_behind_a_link_stay(ganzoo, run, tmp_path):
    run.checkpoints.rename(tmp_path / "elsewhere")
    run.checkpoints.symlink_to(tmp_path / "elsewhere")
    assert "its checkpoints are a link" in ganzoo("clean", "--yes")[2]
    assert len(left(run)) == 4


def test_caches_go_and_are_made_anew_and_data_stays(ganzoo, root, registry, monkeypatch):
    images = open_images(registry, "fashion-10k", root=root)
    expected = images.array[:8].copy()
    reader = type("Read", (), {"name": "0123456789abcdef-exact-cpu"})()
    assert "name" in vars(Reader)  # the attribute that cache_name reads
    for end in ("", "-features"):
        write_arrays(root / "statistics" / f"{cache_name(images, reader)}{end}.npz", {"mu": np.zeros(3)})
    (root / "MNIST/raw").mkdir(parents=True)
    mine = [
        root / "cache/mine/pictures.npy",
        root / f"cache/{'0' * 32}/mine.npy",
        root / "statistics/mine.npz",
        root / "statistics/inception-0.pth",
        root / "MNIST/raw/images",
    ]
    for file in mine:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"mine")
    lookalike = root / "statistics/mine-test-10x1x28x28-x.npz"
    write_arrays(lookalike, {"weights": np.zeros(3)})
    (cache,) = (path.parent for path in root.glob("cache/*/meta.json"))
    code, out, _ = ganzoo("clean")
    assert code == 0 and out.count("(decoded images)") == 1 and out.count("(features of real images)") == 2
    assert cache.exists()
    ganzoo("clean", "--yes")
    assert not cache.exists()
    assert sorted(file for file in root.rglob("*") if file.is_file() and "keys" not in file.parts) == sorted(
        [*mine, lookalike]
    )
    assert (open_images(registry, "fashion-10k", root=root).array[:8] == expected).all() and cache.exists()


def test_a_cache_with_a_file_of_others_stays(ganzoo, root, registry):
    open_images(registry, "fashion-10k", root=root)
    (cache,) = (path.parent for path in root.glob("cache/*/meta.json"))
    (cache / "notes.txt").write_text("mine")
    assert ganzoo("clean", "--yes")[1] == "nothing to remove\n" and (cache / "meta.json").exists()


def test_a_run_that_is_named_goes_alone(ganzoo, root, registry, run):
    other = write_untrained(Path("runs/b"))
    open_images(registry, "fashion-10k", root=root)
    ganzoo("clean", "runs/a", "--yes")
    assert left(run) == {SECOND, FOURTH} and len(left(other)) == 3 and list(root.glob("cache/*/meta.json"))


def test_what_is_refused(ganzoo, root):
    Path("mine").mkdir()
    assert "not a run directory" in ganzoo("clean", "mine", "--yes")[2]
    code, _, err = ganzoo("clean", "--yes", "--dry-run")
    assert code == 2 and "contradict" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_what_cannot_be_removed_is_said(ganzoo, run):
    run.checkpoints.chmod(0o500)
    try:
        assert "not removed" in ganzoo("clean", "--yes")[2]
    finally:
        run.checkpoints.chmod(0o700)
