"""Every known wait is reported. A fake clock makes each wait last ten seconds or more, so none is too short."""

from __future__ import annotations

import io
import shutil
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.images import open_images
from support.play_runs import generator_of, player
from support.report_runs import write_run
from support.runs import start
from support.scoring import Blur, Set
from support.sets import image, write_shard

from ganzoo.cli.main import main
from ganzoo.config.resolve import resolve
from ganzoo.console.waits import Lines
from ganzoo.entries import ImageSpec
from ganzoo.plugin.registry import Registry
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.waiting import watched_by

pytestmark = pytest.mark.seconds


class Slow:
    """A clock that advances ten seconds at each call, and a ticker that ticks at the beginning and at the end."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now

    @contextmanager
    def ticker(self, tick):
        tick()
        yield
        tick()


@pytest.fixture
def said(monkeypatch):
    """A function that returns the names of the waits reported so far, without progress and duration."""
    stream, slow = io.StringIO(), Slow()
    lines = Lines(stream, slow, slow.ticker)
    monkeypatch.setattr("ganzoo.cli.main.on_stderr", lambda: lines)
    with watched_by(lines):
        yield lambda: {line.partition(": ")[0] for line in stream.getvalue().splitlines()}


@pytest.fixture
def call(capsys):
    def called(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return int(stop.value.code or 0)

    return called


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished small run."""
    registry = Registry.load(strict=True)
    registry._manager.unregister(name="ganzoo:report")
    path = tmp_path_factory.mktemp("trained") / "run"
    settings = ["generator.width=16", "discriminator.width=16", "metrics.names=[]", "loop.device=cpu",
                "loop.kimg=0.032", "loop.batch=16", "data.size=8"]  # fmt: skip
    start(registry, resolve(registry, "mlp+minimax", None, settings), out=path)
    return path


def test_a_folder_is_hashed_decoded_and_made_alike(registry, said, tmp_path):
    for number in range(4):
        image(mode="L" if number == 3 else "RGB", seed=number).save(tmp_path / f"{number}.png")
    open_images(registry, f"folder:{tmp_path}", root=tmp_path / "root")
    wanted = {f"hashing {tmp_path}", f"decoding folder:{tmp_path}", "giving all images the same channels"}
    assert wanted <= said()


def test_shards_are_hashed_and_read(registry, said, tmp_path):
    write_shard(tmp_path / "a.tar", 0)
    open_images(registry, f"webdataset:{tmp_path}/a.tar", root=tmp_path / "root")
    assert {"hashing shards", f"decoding webdataset:{tmp_path}/a.tar"} <= said()


def test_a_file_is_hashed(said, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    sha256_of(tmp_path / "file")
    assert said() == {f"hashing {tmp_path / 'file'}"}


def test_downloads(said, monkeypatch, tmp_path):
    from ganzoo.errors import GanzooError, NetworkMissing
    from ganzoo_datasets import downloaded
    from ganzoo_fidelity import network, vit_weights

    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("Dataset not found")

    monkeypatch.setattr(downloaded.datasets, "MNIST", refused)
    with pytest.raises(GanzooError):
        downloaded.MNIST(None, tmp_path, "train").load()
    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
    with pytest.raises(NetworkMissing):
        network._download("https://example.com/a-b.pth", tmp_path / "a-b.pth")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refused)
    with pytest.raises(NetworkMissing):
        vit_weights._download("vit_base_patch14_dinov2.lvd142m")
    found = said()
    assert {"downloading mnist", "downloading the Inception network"} <= found
    assert any("dinov2" in line for line in found)


def test_the_hub(said, monkeypatch, tmp_path):
    from ganzoo_hub import client

    api = SimpleNamespace(
        snapshot_download=lambda *_, **__: str(tmp_path),
        repo_exists=lambda name: False,
        create_repo=lambda *_, **__: "url",
        upload_folder=lambda **_: None,
    )
    monkeypatch.setattr(client, "_api", lambda: api)
    (tmp_path / "config.yaml").touch()
    client.fetch("hf://a/b")
    client.upload(tmp_path, "a/b", "message", private=False)
    assert said() == {"downloading hf://a/b", "uploading to hf://a/b"}


@pytest.fixture
def halves(monkeypatch):
    """Replace the extractor with one that returns the mean brightness of the even and of the odd pixels."""

    def read(images: torch.Tensor) -> dict[str, torch.Tensor]:
        half = images.float().flatten(1)
        return {"2048": torch.stack([half[:, ::2].mean(1), half[:, 1::2].mean(1)], 1)}

    network = SimpleNamespace(sha256="ab" * 32, file_sha256="cd" * 32, source="here", lacks=(), path=Path("x"))
    extractor = SimpleNamespace(check=lambda *_: None, protocol=lambda *_: {})
    entry = SimpleNamespace(name="inception", features={"2048": 2}, logits="", grey="", title="Halves")
    source = SimpleNamespace(extractor=extractor, network=network, entry=entry, title="Halves")
    monkeypatch.setattr("ganzoo.metrics.plan.find_sources", lambda *_: {"inception": source})
    monkeypatch.setattr("ganzoo.metrics.plan.feature_of", lambda *_: "2048")
    monkeypatch.setattr("ganzoo.metrics.reader.load_extractor", lambda *_: read)


def test_bench_verify_scores_aloud(registry, said, call, halves, monkeypatch, tmp_path, capsys):
    """The record, the images and the networks are stand-ins; the code that reads and scores the images is real."""
    from ganzoo.bench import verify as verification

    config = resolve(registry, "mlp+minimax", None, ["metrics.names=[fid]", "metrics.fakes=64"])
    protocol = {"fingerprint": "f" * 64, "fake_pictures": 64, "seed": 5, "extractor": "exact", "truncation": 1.0,
                "network": "ab" * 32, "extractor_device": "cpu"}  # fmt: skip
    record = SimpleNamespace(
        status="done", weights=object(), recipe="mlp+minimax", config=config.as_dict(), protocol=protocol,
        scores={"fid": 2.0}, marks=(),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    real = Set(rng.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8), np.arange(64) % 3)
    for name, stand_in in (
        ("read_record", lambda file: record),
        ("weights_of", lambda record, file: Path("weights")),
        ("open_reference", lambda *_, **__: real),
        ("load_recorded", lambda *_: Blur()),
        ("data_root", lambda *_: tmp_path),
    ):
        monkeypatch.setattr(verification, name, stand_in)
    assert call("bench", "verify", tmp_path / "row.json", "--device", "cpu") == 1
    printed = capsys.readouterr()
    assert "does not hold: fid" in printed.out, printed
    assert {"reading generated images", "reading real images", "computing scores"} <= said()


def test_bench_trains_and_makes_its_report_aloud(said, call, tmp_path, monkeypatch):
    from ganzoo.bench import harness

    monkeypatch.setattr(
        harness,
        "make_launcher",
        lambda *_: SimpleNamespace(run=lambda jobs, alone=False: ((job, "no") for job in jobs)),
    )
    place = ("--results", tmp_path / "results", "--work", tmp_path / "work")
    assert call("bench", "--recipe", "mlp+minimax", "--minutes", "1", "--name", "a", *place) == 0
    assert "measuring speeds" in said()
    assert call("bench", "--recipe", "mlp+minimax", "--kimg", "1", "--name", "b", *place) == 0
    assert "training and scoring" in said()
    call("bench", "report", "--results", tmp_path / "results", "--out", tmp_path)
    assert "reading records" in said()


def test_a_report_and_its_closer_look(said, call, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    assert call("report", run) == 0
    looked = {"looking closer at the generator", "comparing with real images"}
    assert looked | {f"writing {run / 'report.html'}"} <= said()


def test_compare(said, call, tmp_path):
    runs = [write_run(tmp_path / name) for name in "ab"]
    assert call("compare", *runs, "--html", tmp_path / "page.html") == 0
    assert {"reading runs", "drawing the curves"} <= said()


def test_explain_sample_and_check(said, call, trained, tmp_path):
    assert call("explain", "mlp+minimax", "--svg", tmp_path / "a.svg") == 0
    assert "building and probing mlp+minimax" in said()
    assert call("sample", trained, "--out", tmp_path / "images", "-n", 3) == 0
    assert "drawing images" in said()


def test_plugins_check(said, call, tmp_path):
    (tmp_path / "nothing.py").write_text(
        "from ganzoo import LossEntry, hookimpl\n\n\n@hookimpl\ndef register_losses(register):\n"
        "    register(LossEntry(name='none', summary='s', paper='', formula='f', target='nowhere:Loss'))\n"
    )
    call("plugins", "check", tmp_path / "nothing.py")
    assert any(line.startswith("checking ") for line in said())


def test_export_and_play(said, registry, tmp_path):
    from ganzoo_export.onnx import export_generator

    generator = generator_of("mlp", ImageSpec(1, 8))
    export_generator(generator, "torch", tmp_path / "a.pt2")
    assert "tracing, writing and checking the generator" in said()
    player("mlp+minimax", generator).data()
    assert "looking for directions in the latents" in said()


def test_a_set_is_loaded_for_training(said, make_loop):
    make_loop("mlp+minimax", "run")
    assert "loading fashion-10k" in said()


def test_measuring_what_is_fastest_on_a_cpu(registry, said, monkeypatch, tmp_path):
    from ganzoo.bench.grid import Cell
    from ganzoo.bench.job import Job
    from ganzoo.training import calibration
    from ganzoo_launchers import sharing

    monkeypatch.setattr(calibration, "gain_of", lambda one, other: 1.0)
    settings = ["generator.width=16", "discriminator.width=16", "loop.device=cpu", "data.size=8", "loop.calibrate=true"]
    config = resolve(registry, "mlp+minimax", None, [*settings, f"data.root={tmp_path}"])
    calibration.calibrate(config, ImageSpec(1, 8), torch.device("cpu"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("ganzoo.utils.openmp._chosen", None)
    monkeypatch.setattr("ganzoo.utils.openmp.processors", lambda: 2)
    monkeypatch.setattr(sharing, "measure", lambda *_: (1.0, 1.0))
    cells = [Cell("mlp+minimax", "fashion-10k", seed) for seed in range(2)]
    jobs = [Job("train", "g", cell, tmp_path / str(cell.seed), budget={"kimg": 100.0}) for cell in cells]
    sharing.choose_sharing(jobs, lambda _: None)
    assert {"measuring which threads, precision and layout are fastest here", sharing.WAIT} <= said()
