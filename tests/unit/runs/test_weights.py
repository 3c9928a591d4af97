"""Registered weights: which entries are valid, what a name refers to, and the refusal of all other weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.weights import PACKAGE, pack_tiny, plugin_of_entries, plugin_of_package, write_run, zoo_without_weights

import ganzoo
from ganzoo import GanzooError, ImageSpec, StoreEntry, WeightsEntry, WeightsScore, hookimpl
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_generator
from ganzoo.runs.pack import pack
from ganzoo.runs.store import fetch
from ganzoo.runs.weights import find_weights, is_local, is_weights, ranked, weights_file

SHA256 = "ab" * 32
TEXT = "10,000 images against 10,000 of mnist test"
STORED: list[Path] = []  # the contents of the test store
ASKED: list[str] = []


def fetch_stored(address: str) -> Path:
    """Return the newest directory of the test store; an empty store acts as if there were no connection."""
    ASKED.append(address)
    if not STORED:
        raise GanzooError(f"{address}: the place was not reached")
    return STORED[-1]


def entry(name: str, value: float | None = None, protocol: str = TEXT, **fields: object) -> WeightsEntry:
    score = None if value is None else WeightsScore(metric="fid", value=value, protocol=protocol)
    known = {"run": "a_package:weights/x", "sha256": SHA256, "size": 1, "image": ImageSpec(1, 28), "score": score}
    return WeightsEntry(**{"name": name, "summary": "weights", **known, **fields})


def registry_of(*entries: WeightsEntry) -> Registry:
    registry = Registry(strict=True)
    registry.add(lambda: plugin_of_entries(*entries), "weights", "ganzoo-weights", "1.0")
    return registry


@pytest.fixture
def packed(tmp_path, monkeypatch) -> Registry:
    """The zoo and a distribution with the weights of two untrained runs."""
    pack_tiny(tmp_path, {"mlp+minimax": {"fid": 30.0}, "mlp+wgan-gp": {"fid": 20.0, "seed": 1}})
    monkeypatch.syspath_prepend(tmp_path)
    registry = zoo_without_weights()
    registry.add(plugin_of_package, "tiny", "ganzoo-tiny", "1.0")
    return registry


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "dcgan"}, "must be RECIPE@DATA in lower case"),
        ({"name": "dcgan@mnist"}, "must be RECIPE@DATA"),
        ({"name": "dcgan+hinge"}, "must be RECIPE@DATA"),
        ({"name": "dcgan+hinge@MNIST"}, "must be RECIPE@DATA"),
        ({"name": "dcgan+hinge@folder:x"}, "must be RECIPE@DATA"),
        ({"sha256": "AB" * 32}, "dcgan+hinge@mnist: sha256 must be 64 digits"),
        ({"sha256": ""}, "sha256 must be 64 digits"),
        (
            {"score": WeightsScore(metric="fid", value=float("nan"), protocol="p")},
            "value is nan, must be a finite number",
        ),
        ({"run": "weights/x"}, "run='weights/x' must be package:directory or STORE://PLACE"),
        ({"run": "package:/etc"}, "must be package:directory"),
    ],
)
def test_what_cannot_be_registered_fails_its_plugin(fields, says):
    registry = Registry(strict=False)
    wrong = entry(**{"name": "dcgan+hinge@mnist", **fields})
    report = registry.add(lambda: plugin_of_entries(wrong), "weights", "ganzoo-weights", "1.0")
    assert says in report.error and not registry.of_kind(WeightsEntry)


def test_a_name_of_several_parts_is_read():
    found = registry_of(entry("dcgan/sngan+hinge+r1+ada@fashion-10k")).of_kind(WeightsEntry)[0]
    assert (found.recipe, found.data) == ("dcgan/sngan+hinge+r1+ada", "fashion-10k")


def test_the_best_of_the_data_and_of_a_recipe_that_begins_so():
    registry = registry_of(
        entry("dcgan+hinge@mnist", 9.0),
        entry("dcgan+hinge+r1@mnist", 8.0),
        entry("sngan+hinge@mnist", 7.0),
        entry("dcganlike+hinge@mnist", 1.0, protocol="50 images"),
        entry("mlp+hinge@mnist"),
        entry("mlp+hinge@cifar10", 2.0),
    )

    def found(name: str) -> str:
        return find_weights(registry, name).name

    assert found("@mnist") == "sngan+hinge@mnist"  # the value 1.0 has another protocol
    assert found("dcgan@mnist") == "dcgan+hinge+r1@mnist"
    assert found("dcgan+hinge@mnist") == "dcgan+hinge@mnist"  # an exact match comes first
    assert found("mlp@mnist") == "mlp+hinge@mnist" and found("@cifar10") == "mlp+hinge@cifar10"
    higher = [WeightsScore(metric="recall", value=value, protocol=TEXT, lower_is_better=False) for value in (0.1, 0.4)]
    entries = [entry("a+b@c", score=higher[0]), entry("a+d@c", score=higher[1])]
    assert [one.name for one in ranked(entries)] == ["a+d@c", "a+b@c"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dcgan+hige@mnist", "did you mean dcgan+hinge@mnist?"),
        ("@mnits", "did you mean @mnist?"),
        ("zzz@qqq", "there are dcgan+hinge@mnist, mlp+hinge@cifar10"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_near_ones(name, says):
    registry = registry_of(entry("dcgan+hinge@mnist"), entry("mlp+hinge@cifar10"))
    with pytest.raises(GanzooError) as caught:
        fetch(registry, name)
    assert f"there are no weights {name!r}, and no such path; " in str(caught.value) and says in str(caught.value)
    with pytest.raises(GanzooError, match="no weights are installed"):
        fetch(Registry(strict=True), name)


def test_a_name_that_two_distributions_register_is_refused_short():
    registry = registry_of(entry("dcgan+hinge@mnist"))
    registry.strict = False
    registry.add(lambda: plugin_of_entries(entry("dcgan+hinge@mnist", 5.0)), "others", "ganzoo-others", "1.0")
    with pytest.raises(GanzooError, match=r"write ganzoo-weights:dcgan\+hinge@mnist or ganzoo-others:dcgan"):
        find_weights(registry, "dcgan+hinge@mnist")
    full = find_weights(registry, "ganzoo-others:dcgan+hinge@mnist")
    assert full.score is not None and full.recipe == "dcgan+hinge"


def test_a_path_that_exists_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_weights("dcgan+hinge@mnist") and is_weights("@mnist") and is_weights("a/b+c@d")
    for other in ("runs/a", "hf://alice/x@v1", "/home/me@work", "runs/me@work/x", "a@", "x.json", "a@b@c", "a b@c"):
        assert not is_weights(other), other
    Path("dcgan+hinge@mnist").mkdir()
    assert not is_weights("dcgan+hinge@mnist")


def test_float16_weights_are_loaded_as_float32(packed, tmp_path):
    whole = load_generator(packed, tmp_path / f"{PACKAGE}-runs/0", "latest", torch.device("cpu")).state_dict()
    place = fetch(packed, "mlp+minimax@fashion-10k")
    stored = load_file(weights_file(place))
    found = load_generator(packed, place, "latest", torch.device("cpu")).state_dict()
    assert found.keys() == whole.keys() == stored.keys()
    for name, value in found.items():
        assert value.dtype == whole[name].dtype
        if value.dtype == torch.float32:
            assert stored[name].dtype == torch.float16
            assert torch.equal(value, whole[name].half().float())
            assert torch.allclose(value, whole[name], rtol=1e-3, atol=1e-6)


def test_numbers_that_float16_does_not_hold_stay_as_they_are(tmp_path):
    from ganzoo.runs.publish import halved

    state = {"large": torch.tensor([1e6, 1.0]), "small": torch.tensor([0.5]), "count": torch.tensor(3)}
    kept = halved(state)
    assert [kept[name].dtype for name in state] == [torch.float32, torch.float16, torch.int64]


def test_other_weights_than_the_registered_are_refused(packed):
    place = fetch(packed, "mlp+minimax@fashion-10k")
    file = weights_file(place)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(GanzooError, match=r"is not what ganzoo-tiny 1\.0 registered \(its checksum\); reinstall"):
        fetch(packed, "mlp+minimax@fashion-10k")
    assert fetch(packed, "mlp@fashion-10k").name == "mlp+wgan-gp@fashion-10k"  # the other weights still load
    shutil.rmtree(place / "checkpoints")
    with pytest.raises(GanzooError, match=r"there are no weights in .*; reinstall ganzoo-tiny"):
        fetch(packed, "mlp+minimax@fashion-10k")
    assert not is_local(find_weights(packed, "mlp+minimax@fashion-10k"))


def test_a_package_that_is_gone_is_one_line():
    registry = registry_of(entry("dcgan+hinge@mnist", run="absent_package:weights/x"))
    with pytest.raises(GanzooError, match="there is no package absent_package; reinstall ganzoo-weights"):
        fetch(registry, "@mnist")
    assert not is_local(registry.of_kind(WeightsEntry)[0])


@pytest.fixture
def remote(packed, monkeypatch, tmp_path) -> WeightsEntry:
    """Weights at an address of the test store, which has them."""
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "data"))
    known = packed.get(WeightsEntry, "mlp+minimax@fashion-10k")
    STORED[:], ASKED[:] = [fetch(packed, known.name)], []
    far = replace(known, name="mlp+minimax@far", run="s4://bucket/run")
    store = StoreEntry(name="s4", summary="A bucket", target=f"{__name__}:fetch_stored")
    plugin = plugin_of_entries(far)
    plugin.register_stores = hookimpl(lambda register: register(store))
    packed.add(lambda: plugin, "far", "ganzoo-far", "1.0")
    return far


def test_weights_at_an_address_are_kept_and_need_no_connection_then(packed, remote, tmp_path):
    assert not is_local(remote)
    place = fetch(packed, remote.name)
    assert place.parent == tmp_path / "data/weights" and is_local(remote) and ASKED == ["s4://bucket/run"]
    kept = sorted(str(file.relative_to(place)) for file in place.rglob("*") if file.is_file())
    assert kept == ["checkpoints/kimg000004.000/ema.safetensors", "checkpoints/kimg000004.000/meta.json", "config.yaml",
                    "provenance.json", "score.json"]  # fmt: skip
    STORED.clear()
    assert fetch(packed, remote.name) == place and len(ASKED) == 1
    assert load_generator(packed, place, "latest", torch.device("cpu")).sample(1).shape == (1, 1, 28, 28)


def test_without_a_connection_it_is_one_line(packed, remote, tmp_path):
    STORED.clear()
    with pytest.raises(GanzooError, match=r"^mlp\+minimax@far: s4://bucket/run: the place was not reached$"):
        fetch(packed, remote.name)
    assert not is_local(remote) and not list(tmp_path.glob("data/weights/*"))


def test_a_download_of_other_weights_is_not_kept(packed, remote, tmp_path):
    STORED.append(fetch(packed, "mlp+wgan-gp@fashion-10k"))
    with pytest.raises(GanzooError, match=r"is not what ganzoo-far 1.0 registered"):
        fetch(packed, remote.name)
    assert not list(tmp_path.glob("data/weights/*"))


def test_a_kept_download_that_was_damaged_is_refused(packed, remote):
    weights_file(fetch(packed, remote.name)).write_bytes(b"other")
    with pytest.raises(GanzooError, match=r"its checksum.*; remove .* to download it again"):
        fetch(packed, remote.name)


def test_a_later_run_of_the_same_name_replaces_the_earlier(tmp_path, monkeypatch):
    place = pack_tiny(tmp_path, {"mlp+minimax": {}})
    monkeypatch.syspath_prepend(tmp_path)
    before = ganzoo.packed_weights(PACKAGE)
    registry = zoo_without_weights()
    pack(registry, write_run(registry, tmp_path / "other", seed=5, fid=None), place, licence="MIT", half=False)
    (after,) = ganzoo.packed_weights(PACKAGE)
    assert after.name == before[0].name and after.sha256 != before[0].sha256 and after.licence == "MIT"
    assert after.score is None and before[0].score.protocol == "64 images against 10,000 of fashion-10k train"
    assert after.size > 1.8 * before[0].size
    names = sorted(path.name for path in (place / "weights").iterdir())
    assert names == ["index.json", "mlp+minimax@fashion-10k"]


def test_images_of_ones_own_want_a_word(tmp_path, monkeypatch):
    registry, place = zoo_without_weights(), tmp_path / "package"
    run = write_run(registry, tmp_path / "run", fid=None)
    with pytest.raises(GanzooError, match=r"must be RECIPE@DATA in lower case.*; give data=NAME"):
        pack(registry, run, place, data="My cats")
    assert pack(registry, run, place, data="cats").name == "mlp+minimax@cats"
    assert sorted(path.name for path in (place / "weights").iterdir()) == ["index.json", "mlp+minimax@cats"]
    monkeypatch.chdir(place)
    assert pack(registry, run, Path(), data="cats").run.startswith("package:")
