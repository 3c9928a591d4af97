"""`ganzoo doctor`: each check is ok or says what to do; a broken one makes the exit code 1."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ganzoo.cli.doctor import GIB, check_device, check_networks, check_place
from ganzoo.entries import MetricEntry
from ganzoo.errors import NetworkMissing
from ganzoo.metrics.extractor import Network
from ganzoo.metrics.extractors import Source
from ganzoo.plugin.registry import Registry


@pytest.fixture(autouse=True)
def found(monkeypatch, tmp_path):
    """A healthy machine: enough disk space, no GPU, and the network of each extractor in a file."""
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100 * GIB))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    network = Network(Path("net.pth"), "0", "0", "file net.pth")
    monkeypatch.setattr("ganzoo.metrics.extractors.find_source", lambda entry, file, root: Source(entry, network))


def test_a_machine_on_which_all_is_well(ganzoo):
    code, out, err = ganzoo("doctor")
    assert (code, err) == (0, "")
    states = {line.partition(":")[0].split(maxsplit=1)[1]: line.split()[0] for line in out.splitlines()}
    assert states == {
        "plugins": "ok", "runs": "ok", "caches and data": "ok", "device": "note", "scores (fid)": "ok",
    }  # fmt: skip
    assert "from file net.pth" in out and "no GPU" in out and re.search(r"plugins: \d+ loaded, from ganzoo\n", out)


def test_a_network_that_is_missing(ganzoo, monkeypatch):
    def find(entry, file, root):
        raise NetworkMissing("the network is not here; pip install it")

    monkeypatch.setattr("ganzoo.metrics.extractors.find_source", find)
    code, out, _ = ganzoo("doctor")
    assert code == 1 and "broken  scores (fid): the network is not here; pip install it" in out


def test_the_network_is_that_of_whatever_metric_is_the_default():
    metric = MetricEntry(name="taste", summary="", target="x:y", extractor="tongue", default=True)
    registry = Registry.load(strict=False, points=[])
    registry.entries[MetricEntry.kind]["taste"] = metric
    (check,) = check_networks(registry, Path())
    assert check.state == "broken" and "tongue is not installed" in check.text
    del registry.entries[MetricEntry.kind]["taste"]
    (check,) = check_networks(registry, Path())
    assert check.state == "note"


def test_a_plugin_that_fails(ganzoo, monkeypatch):
    registry = Registry.load(strict=False)
    registry.add(lambda: 1 / 0, "bad", "ganzoo-bad", "1.0")
    monkeypatch.setattr(Registry, "load", lambda **options: registry)
    code, out, _ = ganzoo("doctor")
    assert code == 1 and "broken  plugins: bad of ganzoo-bad 1.0 failed: ZeroDivisionError" in out


def test_plugins_that_cannot_be_listed_stop_no_other_check(ganzoo, monkeypatch):
    monkeypatch.setenv("GANZOO_PLUGINS_DIR", "nowhere")
    code, out, _ = ganzoo("doctor")
    assert code == 1 and "broken  plugins: GANZOO_PLUGINS_DIR is nowhere" in out and "ok      runs" in out


def test_a_cache_that_cannot_be_written(ganzoo, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "file/data"))
    code, out, _ = ganzoo("doctor")
    assert code == 1 and "broken  caches and data: " in out and "set GANZOO_DATA" in out
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("free", "state"), [(100 * GIB, "ok"), (2 * GIB, "note"), (GIB // 2, "broken")])
def test_little_room(monkeypatch, tmp_path, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    check = check_place("runs", tmp_path / "not/yet/there", "go elsewhere")
    assert check.state == state and ("go elsewhere" in check.text) == (state == "broken")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("cuda", "says"), [(None, "is built without CUDA"), ("13.0", "sees no GPU with CUDA 13.0")])
def test_a_gpu_that_torch_does_not_see(monkeypatch, cuda, says):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch.version, "cuda", cuda)
    check = check_device()
    assert check.state == "broken" and says in check.text and "pytorch.org" in check.text


def test_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    assert (check_device().state, check_device().text) == ("ok", "cuda: H100")
