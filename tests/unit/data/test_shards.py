"""WebDataset shards: read from files and over HTTP, errors that name a bad shard, and resuming within an epoch."""

from __future__ import annotations

import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from support import runs as run
from support.images import open_images, peek_spec
from support.sets import EACH, image, write_shard

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display, make_display
from ganzoo.errors import GanzooError
from ganzoo.testing.devices import COMPARABLE, compare
from ganzoo.training.loop import Loop

pytestmark = pytest.mark.seconds


@pytest.fixture
def shards(tmp_path) -> Path:
    """A directory with three shards of nine images each."""
    for number in range(3):
        write_shard(tmp_path / f"set-{number:03d}.tar", number * EACH)
    return tmp_path


def test_a_range_of_shards_is_one_set_in_order(registry, shards):
    name = f"webdataset:{shards}/set-{{000..002}}.tar"
    spec = peek_spec(registry, name, root=shards / "root")
    images = open_images(registry, name, root=shards / "root")
    assert (spec.channels, spec.size, spec.classes) == (3, 8, 0) and images.spec == spec
    assert len(images) == 3 * EACH and images.labels is None
    for number in (0, EACH, 3 * EACH - 1):
        np.testing.assert_array_equal(images.array[number].transpose(1, 2, 0), np.asarray(image(seed=number)))
    one = open_images(registry, f"webdataset:{shards}/set-001.tar", root=shards / "root")
    assert len(one) == EACH and one.fingerprint != images.fingerprint


def test_shards_behind_an_address_are_streamed_once(registry, shards):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            asked.append(self.command)

    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(shards)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        name = f"webdataset:http://127.0.0.1:{server.server_port}/set-{{000..002}}.tar"
        first = open_images(registry, name, root=shards / "root")
        count = asked.count("GET")
        again = open_images(registry, name, root=shards / "root")
    finally:
        server.shutdown()
        server.server_close()
    assert len(first) == 3 * EACH and first.fingerprint == again.fingerprint
    assert count == 3 and asked.count("GET") == 3


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("{directory}/none.tar", "none.tar is not a file; check data.name"),
        ("{directory}/set-{{003..001}}.tar", "is not a range of shards"),
        ("pipe:touch {directory}/run", "shards are read only from files, http:// or https://"),
        ("s3://bucket/set-000.tar", "shards are read only from files, http:// or https://"),
        ("file://{directory}/set-000.tar", "shards are read only from files, http:// or https://"),
        ("{directory}/cut.tar", "cut.tar is not a whole tar file"),
        ("{directory}/shorter.tar", "shorter.tar is not a whole tar file (its end is missing); fetch or make it again"),
        ("http://localhost:1/a b.tar", "cannot be opened"),
        ("{directory}/text.tar", "text.tar is not a whole tar file"),
        ("{directory}/bad.tar", "bad.tar/bad.png: it cannot be decoded"),
    ],
)
def test_bad_shards_are_named(registry, shards, location, message):
    whole = (shards / "set-000.tar").read_bytes()
    (shards / "cut.tar").write_bytes(whole[: 512 * 3 + 100])
    with tarfile.open(shards / "set-000.tar") as archive:
        third = archive.getmembers()[2]
    (shards / "shorter.tar").write_bytes(whole[: third.offset])  # two whole members
    (shards / "text.tar").write_bytes(b"no tar file at all" * 100)
    write_shard(shards / "bad.tar", 0, bad=b"no image")
    with pytest.raises(GanzooError) as raised:
        open_images(registry, "webdataset:" + location.format(directory=shards), root=shards / "root")
    assert message in str(raised.value) and "\n" not in str(raised.value)
    assert not (shards / "run").exists()


def test_a_run_on_shards_is_resumed_in_mid_epoch(registry, shards, monkeypatch):
    """A run that stops in its second epoch (27 images in steps of 12) is resumed and ends with the same weights."""
    settings = [f"data.name=webdataset:{shards}/set-{{000..002}}.tar", "data.root=" + str(shards / "root")]
    more = ["loop.batch=12", "loop.kimg=0.072", "loop.log_kimg=0.012", "loop.snapshot_kimg=0.072"]
    config = resolve(registry, "mlp+minimax", None, [*COMPARABLE, *settings, *more])
    display: Display = make_display()
    run.start(registry, config, display, out=shards / "whole")
    iteration = Loop.iteration

    def stopping(self: Loop) -> None:
        iteration(self)
        self.stop_requested = self.counters.shown >= 36

    monkeypatch.setattr(Loop, "iteration", stopping)
    assert not run.start(registry, config, display, out=shards / "stopped").finished
    monkeypatch.setattr(Loop, "iteration", iteration)
    assert run.resume(registry, shards / "stopped", display).finished
    assert compare(shards / "whole", shards / "stopped").weights == 0
