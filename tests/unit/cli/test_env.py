"""`ganzoo env` prints what a bug report needs, without the path of the home directory."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from support.strangers import with_stranger

from ganzoo.cli.env import packages_of
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import with_tilde


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """The home directory of a user; GANZOO_DATA is a path below it."""
    place = tmp_path / "home/ann"
    place.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("GANZOO_DATA", str(place / "data"))
    return place


def test_it_has_versions_device_plugins_paths_and_variables(ganzoo, home, monkeypatch):
    monkeypatch.setenv("GANZOO_INCEPTION", f"{home}/net.pth")
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    registry = with_stranger()
    monkeypatch.setattr(Registry, "load", lambda **options: registry)
    code, out, err = ganzoo("env")
    assert (code, err) == (0, "")
    assert f"ganzoo {version('ganzoo')}" in out and f"torch {version('torch')}" in out and "device: " in out
    assert "  ganzoo-absolute 1.0: stranger" in out
    assert "  data: ~/data\n" in out and "  features: ~/data/statistics\n" in out
    assert "  GANZOO_INCEPTION=~/net.pth\n" in out
    assert str(home) not in out and "hidden" not in out


def test_json_has_the_same(ganzoo, home):
    found = json.loads(ganzoo("env", "--json")[1])
    assert found["ganzoo"] == version("ganzoo") and found["packages"]["torch"] == version("torch")
    assert found["device"]["threads"] == torch.get_num_threads()
    assert found["paths"]["data"] == "~/data" and found["variables"]["GANZOO_DATA"] == "~/data"
    (ours,) = (one for one in found["plugins"] if one["distribution"] == "ganzoo")
    assert {"dcgan", "losses"} <= set(ours["plugins"]) and ours["failed"] == {}
    assert str(home) not in json.dumps(found)


def test_a_plugin_that_failed_says_why(ganzoo, home, monkeypatch):
    registry = Registry.load(strict=False, points=[])
    registry.add(lambda: 1 / 0, "broken", "ganzoo-broken", "1.0")
    monkeypatch.setattr(Registry, "load", lambda **options: registry)
    assert "    failed: broken: ZeroDivisionError: division by zero" in ganzoo("env")[1]


def test_plugins_that_cannot_be_listed_are_no_obstacle(ganzoo, home, monkeypatch):
    monkeypatch.setenv("GANZOO_PLUGINS_DIR", "nowhere")
    code, out, _ = ganzoo("env")
    assert code == 0 and "  GANZOO_PLUGINS_DIR is nowhere, which is not a directory" in out


def test_packages_are_those_that_ganzoo_uses():
    names = list(packages_of("ganzoo"))
    assert {"torch", "timm", "ray", "onnx"} <= set(names) and len(names) == len(set(names))
    assert not {"pytest", "ruff", "ganzoo"} & set(names)


def test_the_home_directory_is_shortened_wherever_it_stands(home):
    assert with_tilde(home) == "~"
    assert with_tilde(f"/data{home}/cats") == f"/data{home}/cats" and with_tilde(f"data.root={home}") == "data.root=~"
    assert with_tilde(f"{home}/a:{home}/b") == "~/a:~/b"
    assert with_tilde(f"no file '{home}'; see {home}/x") == "no file '~'; see ~/x"
    assert with_tilde(f"{home}a/x") == f"{home}a/x"
