"""The cache of decoded images: keyed by content, and either complete or absent."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.images import open_images

from ganzoo.data import cache, fill, fingerprints
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import whole_directory


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "root"


def save(path: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)).save(path)


@pytest.fixture
def directory(tmp_path) -> Path:
    directory = tmp_path / "images"
    directory.mkdir()
    for number in range(4):
        save(directory / f"{number}.png", number)
    return directory


def opened(registry: Registry, directory: Path, root: Path, **how):
    return open_images(registry, f"folder:{directory}", root=root, **how)


def in_cache(root: Path) -> list[str]:
    return [path.name for path in (root / "cache").iterdir()]


def test_content_decides_what_is_cached(registry, root, directory, tmp_path, monkeypatch):
    first = opened(registry, directory, root)
    directory.rename(tmp_path / "moved")
    monkeypatch.setattr(cache, "_write", lambda *_: pytest.fail("decoded again"))
    assert opened(registry, tmp_path / "moved", root).fingerprint == first.fingerprint
    monkeypatch.undo()
    save(tmp_path / "moved/0.png", 99)
    assert opened(registry, tmp_path / "moved", root).fingerprint != first.fingerprint


def test_labels_and_size_are_part_of_the_key(registry, root, directory):
    keys = {opened(registry, directory, root).fingerprint, opened(registry, directory, root, size=4).fingerprint}
    (directory / "dataset.json").write_text(json.dumps({"labels": [[f"{k}.png", k] for k in range(4)]}))
    keys.add(opened(registry, directory, root).fingerprint)
    assert len(keys) == len(in_cache(root)) == 3


def test_where_the_data_lies_by_default(registry, directory, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "elsewhere"))
    open_images(registry, f"folder:{directory}")
    assert len(in_cache(tmp_path / "elsewhere")) == 1


def test_the_users_directory_is_left_as_it_was(registry, root, directory):
    before = {path: path.stat().st_mtime_ns for path in [directory, *directory.iterdir()]}
    opened(registry, directory, root)
    assert {path: path.stat().st_mtime_ns for path in [directory, *directory.iterdir()]} == before


def test_files_that_did_not_change_are_not_read_again(registry, root, directory, monkeypatch):
    monkeypatch.setattr(fingerprints, "SETTLED_NS", 0)
    first = opened(registry, directory, root)
    with monkeypatch.context() as patched:
        patched.setattr("ganzoo_datasets.folder.Folder.read", lambda *_: pytest.fail("read again"))
        patched.setattr("ganzoo.data.factory.DataSource.peek", lambda _: None)
        assert opened(registry, directory, root).fingerprint == first.fingerprint
    save(directory / "3.png", 99)
    assert opened(registry, directory, root).fingerprint != first.fingerprint


def test_fresh_files_and_damaged_notes_are_not_trusted(registry, root, directory, monkeypatch):
    first = opened(registry, directory, root)
    assert not (root / "keys").exists()  # the files are too new for their keys to be remembered
    monkeypatch.setattr(fingerprints, "SETTLED_NS", 0)
    opened(registry, directory, root)
    (note,) = (root / "keys").iterdir()
    note.write_text("cut")
    assert opened(registry, directory, root).fingerprint == first.fingerprint


def test_an_error_while_caching_leaves_nothing(registry, root, directory):
    (directory / "z.png").write_bytes(b"bad")
    with pytest.raises(GanzooError):
        opened(registry, directory, root)
    assert in_cache(root) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_stop_while_caching_leaves_nothing(registry, root, directory, monkeypatch, error):
    seen = []

    def stop(pixels, first):
        seen.append(in_cache(root))
        if len(seen) == 3:
            raise error

    monkeypatch.setattr(fill, "_check_size", stop)
    with pytest.raises(error):
        opened(registry, directory, root)
    assert len(seen[-1]) == 1 and in_cache(root) == []


def test_a_full_disk_is_said_and_leaves_nothing(registry, root, directory):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))  # the header fits, the images do not
    try:
        with pytest.raises(GanzooError, match=r"cannot write the cache .*File too large; free some space"):
            opened(registry, directory, root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert in_cache(root) == []


def test_a_root_that_is_a_file(registry, directory, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(GanzooError, match=r"cannot write the cache .*set data\.root"):
        opened(registry, directory, tmp_path / "file")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("part", ["meta.json", "pictures.npy"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: os.truncate(path, 130), flip])
def test_a_damaged_cache_is_named_and_made_anew(registry, root, directory, part, damage, logged):
    before = opened(registry, directory, root).array.tobytes()
    (made,) = (root / "cache").iterdir()
    damage(made / part)
    assert opened(registry, directory, root).array.tobytes() == before
    assert logged == [f"the cache {made} is damaged; it is made anew"]
    assert in_cache(root) == [made.name]


def test_a_cache_that_another_user_made_is_not_taken_for_damaged(registry, root, directory, monkeypatch):
    opened(registry, directory, root)
    (cache,) = (root / "cache").iterdir()

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ganzoo.data.cache.np.load", denied)
    with pytest.raises(GanzooError, match=r"cannot read the cache .*: Permission denied; set data.root to another"):
        opened(registry, directory, root)
    assert cache.exists()


def test_what_skip_bad_cached_is_not_taken_without_it(registry, root, directory):
    (directory / "z.png").write_bytes(b"bad")
    assert len(opened(registry, directory, root, skip_bad=True)) == 4
    with pytest.raises(GanzooError, match=r"z\.png"):
        opened(registry, directory, root)


def test_leftovers_of_the_dead_are_removed_those_of_the_living_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.utils.files.is_alive", lambda pid: pid == os.getpid())
    with whole_directory(tmp_path / "a") as living:
        dead = tmp_path / living.name.replace(f".{os.getpid()}.", ".1.")
        elsewhere, old = (tmp_path / f".a.another-host.{pid}.abcd.part" for pid in (1, 2))
        for directory in (dead, elsewhere, old):
            directory.mkdir()
        os.utime(old, (0, 0))
        with whole_directory(tmp_path / "b"):
            assert living.exists() and elsewhere.exists() and not dead.exists() and not old.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([elsewhere.name, "a", "b"])


# Fork, not spawn: a new process would take seconds to import torch, and these processes use none of its threads.
FORK = multiprocessing.get_context("fork")


def _kill_while_caching(registry: Registry, directory: Path, root: Path) -> None:
    calls = []

    def die(pixels, first):
        calls.append(first)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    fill._check_size = die
    opened(registry, directory, root)


def test_a_kill_while_caching_leaves_no_half_cache(registry, root, directory):
    process = FORK.Process(target=_kill_while_caching, args=(registry, directory, root))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [name[0] for name in in_cache(root)] == ["."]  # only the temporary directory, which was never renamed
    assert len(opened(registry, directory, root)) == 4
    assert [name[0] == "." for name in in_cache(root)] == [False]


def _meet_while_caching(registry: Registry, directory: Path, root: Path, barrier) -> None:
    met = []

    def meet(pixels, first):
        if not met:
            met.append(barrier.wait(60))

    fill._check_size = meet
    assert len(opened(registry, directory, root)) == 4 and met


def test_two_processes_may_cache_at_once(registry, root, directory):
    barrier = FORK.Barrier(2)
    both = [FORK.Process(target=_meet_while_caching, args=(registry, directory, root, barrier)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert [name[0] == "." for name in in_cache(root)] == [False]
    assert len(opened(registry, directory, root)) == 4
