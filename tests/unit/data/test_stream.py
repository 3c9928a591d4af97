"""Streamed sets: the same images as a cached set, their own order, and runs that resume bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from support import runs as run
from support.disturbed import write_loss
from support.images import open_images, peek_spec
from support.sets import EACH, write_shard

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.console.display import Display, make_display
from ganzoo.data import stream
from ganzoo.data.dataset import Images
from ganzoo.data.loader import Feed
from ganzoo.distributed import collectives
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.testing.devices import COMPARABLE, compare
from ganzoo.training.loop import Loop
from ganzoo.utils.files import read_jsonl
from ganzoo_datasets import streamed

pytestmark = pytest.mark.seconds

COUNT = 3 * EACH


@pytest.fixture
def shards(tmp_path, monkeypatch) -> Path:
    """A directory with three shards of nine images each, in blocks of two or three images."""
    monkeypatch.setattr(stream, "BLOCK", 2500)
    monkeypatch.setattr(stream, "MIXED", 2)
    monkeypatch.setattr(stream, "KEPT", 6)
    for number in range(3):
        write_shard(tmp_path / f"set-{number:03d}.tar", number * EACH)
    return tmp_path


@pytest.fixture
def opened(registry, shards) -> Images:
    return open_images(registry, name(shards), root=shards / "root")


def name(shards: Path, kind: str = "webdataset-streamed") -> str:
    return f"{kind}:{shards}/set-{{000..002}}.tar"


def configured(registry: Registry, shards: Path, data: str, settings: list[str]) -> Config:
    """Return the configuration of a small run on a set, for comparing the weights of two runs."""
    place = [f"data.name={data}", f"data.root={shards / 'root'}"]
    return resolve(registry, "mlp+minimax", None, [*COMPARABLE, *place, *settings])


def test_they_are_the_images_that_are_kept(registry, shards, opened):
    kept = open_images(registry, name(shards, "webdataset"), root=shards / "root")
    assert opened.spec == kept.spec == peek_spec(registry, name(shards), root=shards / "root")
    assert opened.fingerprint != kept.fingerprint and opened.array.shape == kept.array.shape
    np.testing.assert_array_equal(np.array(opened.array), kept.array)
    np.testing.assert_array_equal(np.array(opened.array[1::2][3:7]), kept.array[1::2][3:7])
    np.testing.assert_array_equal(opened.array[np.array([20, 3, 3])], kept.array[[20, 3, 3]])
    np.testing.assert_array_equal(opened.array[8], kept.array[8])
    assert sorted(file.name for file in (shards / "root/cache").glob("*/*.npy")) == ["pictures.npy", "places.npy"]


def test_they_are_resized_and_bad_ones_left_out(registry, shards):
    write_shard(shards / "set-001.tar", EACH, bad=b"no image")
    with pytest.raises(GanzooError, match=r"set-001\.tar/bad\.png: it cannot be decoded"):
        open_images(registry, name(shards), root=shards / "root")
    found = [
        open_images(registry, name(shards, kind), root=shards / "root", size=4, skip_bad=True)
        for kind in ("webdataset", "webdataset-streamed")
    ]
    assert found[1].skipped == found[0].skipped and len(found[1]) == COUNT
    np.testing.assert_array_equal(np.array(found[1].array), found[0].array)


def shown(feed: Feed, epochs: int) -> list[np.ndarray]:
    return [feed.batch(start)[0].numpy() for start in range(0, epochs * COUNT, feed.size)]


def test_every_epoch_shows_each_image_once_in_an_order_of_the_seed_alone(registry, shards, opened):
    feed = Feed(opened, 9, 1, "cpu")
    assert not feed.resident and len(opened.array.reader.bounds) > 7
    batches = shown(feed, 2)
    whole = np.array(opened.array).astype(np.float32) / 127.5 - 1
    for epoch in (batches[:3], batches[3:]):
        flat = {tuple(image.ravel().round(3)) for image in np.concatenate(epoch)}
        assert flat == {tuple(image.ravel().round(3)) for image in whole}
    again = open_images(registry, name(shards), root=shards / "root")
    backwards = Feed(again, 9, 1, "cpu")
    for start in reversed(range(0, 2 * COUNT, 9)):
        np.testing.assert_array_equal(backwards.batch(start)[0].numpy(), batches[start // 9])
    assert not np.array_equal(shown(Feed(opened, 9, 2, "cpu"), 1)[0], batches[0])
    assert not np.array_equal(batches[0], batches[3])


def test_images_are_mixed_within_some_blocks_at_a_time(opened):
    bounds = opened.array.reader.bounds
    order = opened.array.shuffled(torch.Generator().manual_seed(0)).numpy()
    blocks = (np.searchsorted(bounds, order, "right") - 1).tolist()
    assert sorted(order.tolist()) == list(range(COUNT))
    groups = list(dict.fromkeys(blocks))
    for start in range(0, len(groups), 2):  # two blocks are mixed; their images do not come again
        last = max(place for place, block in enumerate(blocks) if block in groups[start : start + 2])
        assert set(blocks[: last + 1]) == set(groups[: start + 2])
    assert blocks != sorted(blocks, key=groups.index)


def test_blocks_end_with_their_files_and_after_so_many_bytes(monkeypatch):
    monkeypatch.setattr(stream, "BLOCK", 100)
    sizes = [(0, 40), (0, 40), (0, 40), (0, 300), (0, 10), (1, 10), (2, 90), (2, 10), (2, 10)]
    places, at = [], 0
    for file, size in sizes:
        places.append((file, at, at + size))
        at += size
    assert stream._blocks(np.asarray(places)).tolist() == [0, 2, 3, 4, 5, 6, 8, 9]
    assert stream._blocks(np.asarray(places[:1])).tolist() == [0, 1]


def test_no_block_is_read_twice_in_an_epoch(opened, monkeypatch):
    monkeypatch.setattr(collectives, "_here", collectives.Place(1, 2))
    monkeypatch.setattr(stream, "AHEAD", 1)
    asked, read = [], opened.array.reader.source.read
    monkeypatch.setattr(opened.array.reader.source, "read", lambda *part: asked.append(part) or read(*part))
    feed = Feed(opened, 6, 1, "cpu")
    for start in (0, 6, 12):  # the batch after these would read ahead into the next epoch
        feed.seek(start)
    opened.array.close()
    assert len(set(asked)) == len(asked) > 3


def test_little_is_kept_in_memory(opened):
    feed, reader = Feed(opened, 3, 1, "cpu"), opened.array.reader
    for start in range(0, 2 * COUNT, 3):
        feed.seek(start)
        assert len(reader._kept) <= 6 and len(reader._decoded) <= 4 * 3


def test_nothing_is_read_ahead_once_it_is_closed(opened, monkeypatch):
    reader, held = opened.array.reader, threading.Event()
    monkeypatch.setattr(reader.source, "read", lambda *part: held.wait() and b"")
    reader.expect(np.arange(COUNT), np.arange(0))
    opened.array.close()
    held.set()
    assert any(future.cancelled() for future in reader._decoded.values())


def test_each_rank_reads_its_rows(opened, monkeypatch):
    whole = shown(Feed(opened, 6, 1, "cpu"), 1)
    for rank in (0, 1):
        monkeypatch.setattr(collectives, "_here", collectives.Place(rank, 2))
        for one, other in zip(shown(Feed(opened, 6, 1, "cpu"), 1), whole, strict=True):
            np.testing.assert_array_equal(one, other[rank::2])


def test_a_run_that_is_killed_in_mid_epoch_goes_on_to_the_bit(registry, shards, monkeypatch):
    """A run killed in its second epoch (27 images in steps of 12), a step after a checkpoint, resumes bit for bit."""
    settings = ["loop.batch=12", "loop.kimg=0.072", "loop.log_kimg=0.012", "loop.snapshot_kimg=0.036"]
    config = configured(registry, shards, name(shards), settings)
    display: Display = make_display()
    run.start(registry, config, display, out=shards / "whole")

    iteration = Loop.iteration

    def killed(self: Loop) -> None:
        iteration(self)
        if self.counters.shown == 48:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Loop, "iteration", killed)
        run.start(registry, config, display, out=shards / "killed")
    assert run.resume(registry, shards / "killed", display).finished
    found = compare(shards / "whole", shards / "killed")
    assert found.weights == found.logged == 0 and found.moved > 0


def test_a_shard_that_changes_meanwhile_is_named(opened, shards):
    write_shard(shards / "set-002.tar", 50 * EACH)
    (shards / "set-001.tar").write_bytes(bytes(20_000))
    (shards / "set-000.tar").write_bytes(b"short")
    for number, says in ((EACH, r"set-001\.tar was changed, at byte \d+: it cannot be decoded"), (0, "it ends before")):
        with pytest.raises(GanzooError, match=says):
            opened.array[number]


class Parts(SimpleHTTPRequestHandler):
    """A handler of Range requests for parts of files; the next ``fails`` of them get error 503."""

    fails = 0
    asked: list[str]

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.asked.append(wanted or "all")
        if wanted is None:
            return super().do_GET()
        if type(self).fails:
            type(self).fails -= 1
            return self.send_error(503)
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        content = Path(self.translate_path(self.path)).read_bytes()[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def hanging(held: Callable[[], bool]) -> tuple[type[Parts], threading.Event]:
    """Return a handler that sends nothing while ``held()``, and an event that is set once a request waits."""
    waiting = threading.Event()

    class Hanging(Parts):
        asked: list[str] = []

        def do_GET(self):
            while held():
                waiting.set()
                time.sleep(0.05)
            super().do_GET()

    return Hanging, waiting


@pytest.fixture
def serve(shards) -> Iterator:
    servers = []

    def start(handler: type[SimpleHTTPRequestHandler]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(shards)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"webdataset-streamed:http://127.0.0.1:{server.server_port}/set-{{000..002}}.tar"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_servers_shards_are_read_in_parts_after_they_were_looked_through(
    registry, opened, shards, serve, monkeypatch
):
    class Handler(Parts):
        asked: list[str] = []

    monkeypatch.setattr(streamed, "PAUSES", (0.0, 0.0))
    there = serve(Handler)
    found = open_images(registry, there, root=shards / "root")
    assert Handler.asked.count("all") == 3 and Handler.asked[0] == "bytes=0-0"
    Handler.fails = 2
    np.testing.assert_array_equal(np.array(found.array), np.array(opened.array))
    open_images(registry, there, root=shards / "root")
    assert Handler.asked.count("all") == 3 and not list((shards / "root").rglob("*.tar"))


def test_a_server_that_sends_no_parts_is_refused_before_anything_is_read(registry, shards, serve):
    class Whole(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with pytest.raises(GanzooError, match=r"its server does not support Range requests; download it and name the file"):
        open_images(registry, serve(Whole), root=shards / "root")


def test_a_server_that_is_gone_is_named(registry, shards, serve, monkeypatch):
    class Handler(Parts):
        asked: list[str] = []

    monkeypatch.setattr(streamed, "PAUSES", (0.0,))
    found = open_images(registry, serve(Handler), root=shards / "root")
    Handler.fails = 99
    with pytest.raises(
        GanzooError, match=r"cannot be read \(HTTP Error 503: .*\); make it readable, then continue with"
    ):
        found.array[0]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", r"IncompleteRead\(.*\)"),
        (b"upstream failed\r\n\r\n", "upstream failed"),
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again(registry, opened, shards, serve, monkeypatch, answer, says):
    class Breaking(Parts):
        asked: list[str] = []
        breaks = 0

        def do_GET(self):
            if not Breaking.breaks:
                return super().do_GET()
            Breaking.breaks -= 1
            self.wfile.write(answer)

    monkeypatch.setattr(streamed, "PAUSES", (0.0,))
    found = open_images(registry, serve(Breaking), root=shards / "root")
    Breaking.breaks = 1
    np.testing.assert_array_equal(found.array[0], opened.array[0])
    Breaking.breaks = 99
    with pytest.raises(GanzooError, match=rf"cannot be read \({says}\); make it readable, then continue with"):
        found.array[20]


def test_a_server_that_hangs_holds_no_stop_up(registry, shards, serve, monkeypatch):
    """SIGTERM stops a run that waits for a server; the server sends nothing from the second epoch on."""
    held = threading.Event()
    server, waiting = hanging(held.is_set)
    monkeypatch.setattr(stream, "KEPT", 1)
    settings = ["loop.batch=9", "loop.kimg=0.081", "loop.log_kimg=0.009"]
    config = configured(registry, shards, serve(server), settings)
    display: Display = make_display()
    run.start(registry, config, display, out=shards / "whole")

    iteration = Loop.iteration

    def then_held(self: Loop) -> None:
        iteration(self)
        if self.counters.shown == 27:
            held.set()
            threading.Thread(target=lambda: waiting.wait() and os.kill(os.getpid(), signal.SIGTERM)).start()

    with monkeypatch.context() as patched:
        patched.setattr(Loop, "iteration", then_held)
        stopped = run.start(registry, config, display, out=shards / "stopped")
    assert held.is_set() and not stopped.finished and stopped.code == 75
    assert stopped.directory.latest().meta["shown"] >= 27
    held.clear()
    assert run.resume(registry, shards / "stopped", display).finished
    found = compare(shards / "whole", shards / "stopped")
    assert found.weights == found.logged == 0 and found.moved > 0


@pytest.mark.slow
def test_a_server_that_hangs_holds_no_stop_of_several_processes_up(shards, serve):
    """SIGTERM stops two processes that wait for a server; they keep one block and decode nothing ahead."""
    held = shards / "held"
    server, waiting = hanging(held.exists)
    plugin = write_loss(shards, "holding", held.name, first="stream.KEPT, stream.AHEAD = 1, 0")
    settings = [*COMPARABLE, f"data.name={serve(server)}", f"data.root={shards / 'root'}", "loop.batch=8"]
    settings += ["loop.kimg=0.12", "loop.log_kimg=0.008", "loop.snapshot_kimg=9"]
    ganzoo = [sys.executable, "-m", "ganzoo"]
    subprocess.run([*ganzoo, "run", "mlp+minimax", *settings, "--out", str(shards / "whole")], check=True)
    command = [*ganzoo, "run", "mlp+holding", *settings, "--out", str(shards / "stopped"), "--plugin", str(plugin)]
    process = subprocess.Popen(
        [*command, "--devices", "2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while not waiting.wait(0.1):
        assert process.poll() is None, process.communicate()[0]
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate()
    assert process.returncode == 75 and "all is saved; continue with: ganzoo resume" in printed, printed
    assert RunDir(shards / "stopped").latest().meta["shown"] >= 80
    held.unlink()
    subprocess.run([*ganzoo, "resume", str(shards / "stopped"), "--plugin", str(plugin)], check=True)
    assert compare(shards / "whole", shards / "stopped").weights < 1e-4


def test_what_was_trained_is_saved_before_a_server_is_given_up(registry, shards, serve, monkeypatch):
    class Handler(Parts):
        asked: list[str] = []

    monkeypatch.setattr(streamed, "PAUSES", (0.0,))
    monkeypatch.setattr(stream, "KEPT", 1)
    config = configured(registry, shards, serve(Handler), ["loop.batch=9", "loop.kimg=0.081"])
    iteration = Loop.iteration

    def then_gone(self: Loop) -> None:
        iteration(self)
        if self.counters.shown == 27:
            Handler.fails = 999

    monkeypatch.setattr(Loop, "iteration", then_gone)
    with pytest.raises(GanzooError, match="continue with `ganzoo resume`"):
        run.start(registry, config, make_display(), out=shards / "run")
    directory = RunDir(shards / "run")
    shown = directory.latest().meta["shown"]
    assert shown >= 27
    assert read_jsonl(directory.log_file)[-1]["shown"] == shown, "the last interval is judged and logged too"


def test_no_part_is_asked_for_again_once_it_is_closed(opened, monkeypatch):
    monkeypatch.setattr(streamed, "_part", lambda *part: pytest.fail("it was asked for"))
    opened.array.close()
    with pytest.raises(GanzooError, match="it was closed"):
        opened.array.reader.source.read(0, 0, 1)


def test_shards_that_are_compressed_are_not_streamed(registry, shards):
    import gzip

    (shards / "set.tar.gz").write_bytes(gzip.compress((shards / "set-000.tar").read_bytes()))
    open_images(registry, f"webdataset:{shards}/set.tar.gz", root=shards / "root")
    with pytest.raises(GanzooError, match=r"set\.tar\.gz is not a whole plain tar file"):
        open_images(registry, f"webdataset-streamed:{shards}/set.tar.gz", root=shards / "root")
