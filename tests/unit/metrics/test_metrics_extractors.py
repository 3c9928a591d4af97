"""Metrics read the extractors that their entries name, and each extractor has its own weights and caches."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from support.runs import start
from support.violations import plugin_of

from ganzoo import ExtractorEntry, MetricEntry
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_extractor, find_scoring
from ganzoo.console.display import Display
from ganzoo.data.dataset import Images
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError, NetworkMissing
from ganzoo.interfaces import Metric
from ganzoo.metrics import extractors
from ganzoo.metrics.extractor import Extractor, Network
from ganzoo.metrics.extractors import find_sources, source_of_first
from ganzoo.metrics.plan import make_plan
from ganzoo.metrics.score import score_arrays
from ganzoo.plugin.registry import Registry
from ganzoo.utils.safe_yaml import parse_yaml

HERE = __name__


class Pixels(Extractor):
    """An extractor of the mean and standard deviation of each channel; the weights file contains a factor for both."""

    read = 0

    @classmethod
    def find(cls, file: str | None, root: Path) -> Network:
        if file is None:
            raise NetworkMissing(f"{cls.__name__} is not here; set metrics.weights=FILE")
        return Network(Path(file), f"{cls.__name__}{Path(file).read_text()}".ljust(64, "0"), "00" * 32, f"file {file}")

    @classmethod
    def protocol(cls, network: Network, mode: str, device: torch.device) -> Mapping[str, Any]:
        return {"preprocessing": cls.__name__}

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        type(self).read += len(images)
        images = images.expand(-1, 3, -1, -1).float() * float(self.network.path.read_text())
        found = {"means": images.mean((2, 3)), "deviations": images.flatten(2).std(2)}
        return {name: found[name] for name in self.features}


class OtherPixels(Pixels):
    """The same extractor under another name."""


class Apart(Metric):
    value = "apart"

    def __call__(self, *, real: Any, fake: Any, seed: int) -> Mapping[str, float]:
        return {self.value: float(np.abs(real.statistics["mu"] - fake.statistics["mu"]).sum())}


class ApartOfDeviations(Apart):
    value = "apart_of_deviations"


class ApartByOther(Apart):
    value = "apart_by_other"

    def __call__(self, *, real: Any, fake: Any, seed: int) -> Mapping[str, float]:
        assert real.matrix.shape == (10, 3)
        return super().__call__(real=real, fake=fake, seed=seed)


@pytest.fixture
def zoo() -> Registry:
    registry = Registry.load(strict=True)
    offered = {"means": 3, "deviations": 3}
    entries: list[Any] = [
        ExtractorEntry(name="pixels", summary="means", target=f"{HERE}:Pixels", features=offered),
        ExtractorEntry(
            name="other-pixels", summary="means", target=f"{HERE}:OtherPixels", features=offered, grey="repeated"
        ),
        MetricEntry(name="apart", summary="a", target=f"{HERE}:Apart", extractor="pixels", reads="statistics"),
        MetricEntry(
            name="apart-of-deviations", summary="a", target=f"{HERE}:ApartOfDeviations", extractor="pixels",
            features="deviations", reads="statistics",
        ),
        MetricEntry(name="apart-by-other", summary="a", target=f"{HERE}:ApartByOther", extractor="other-pixels"),
        MetricEntry(name="astray", summary="a", target=f"{HERE}:Apart", extractor="pixels", features="2048"),
        MetricEntry(name="lost", summary="a", target=f"{HERE}:Apart", extractor="nowhere"),
    ]  # fmt: skip
    registry.add(lambda: plugin_of(*entries), "pixels", "ganzoo-pixels", "1.0")
    Pixels.read = OtherPixels.read = 0
    return registry


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    for name, factor in (("one", "1"), ("two", "2")):
        (tmp_path / name).write_text(factor)
    return {name: str(tmp_path / name) for name in ("one", "two")}


def sides() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, top, (10, 3, 8, 8), dtype=np.uint8) for top in (128, 256))  # type: ignore[return-value]


def test_two_extractors_each_read_the_images_once_with_their_own_weights(
    zoo: Registry, files: dict[str, str], tmp_path: Path
) -> None:
    metrics = MetricsConfig(
        names=["apart", "apart-by-other", "apart-of-deviations"],
        weights={"pixels": files["one"], "other-pixels": files["two"]},
    )
    found = score_arrays(find_scoring(metrics, zoo), *sides(), root=tmp_path)
    assert list(found.values) == ["apart", "apart_by_other", "apart_of_deviations"]
    assert found.values["apart_by_other"] == pytest.approx(2 * found.values["apart"])
    assert found.values["apart"] == pytest.approx(
        np.abs(np.subtract(*(side.mean((0, 2, 3)) for side in sides()))).sum()
    )
    assert (Pixels.read, OtherPixels.read) == (20, 20)
    protocol = found.protocol
    assert protocol["preprocessing"] == "Pixels" and protocol["network_source"] == f"file {files['one']}"
    assert list(protocol["extractors"]) == ["other-pixels"]
    assert protocol["extractors"]["other-pixels"]["network_source"] == f"file {files['two']}"
    assert protocol["metrics"]["apart-by-other"] == "a; other-pixels means"
    assert protocol["ranked_by"] == {"value": "apart", "lower_is_better": True}


def test_the_protocol_says_what_an_extractor_does_with_grey_images_if_its_entry_does(
    zoo: Registry, files: dict[str, str], tmp_path: Path
) -> None:
    metrics = MetricsConfig(
        names=["apart", "apart-by-other"], weights={"pixels": files["one"], "other-pixels": files["two"]}
    )
    grey = [side[:, :1] for side in sides()]
    protocol = score_arrays(find_scoring(metrics, zoo), *grey, root=tmp_path).protocol
    assert "grey" not in protocol and protocol["extractors"]["other-pixels"]["grey"] == "repeated"


def test_each_extractor_and_feature_has_a_cache_of_its_own(
    zoo: Registry, files: dict[str, str], tmp_path: Path
) -> None:
    real = Images(sides()[0], None, ImageSpec(3, 8), "toy", "test", "f" * 64)
    metrics = MetricsConfig(
        names=["apart", "apart-of-deviations", "apart-by-other"],
        weights={"pixels": files["one"], "other-pixels": files["two"]},
    )
    plan = make_plan(find_scoring(metrics, zoo), tmp_path, "cpu")
    first, origins = plan.read_set(real, tmp_path, "")
    assert origins == {"pixels": "extracted", "other-pixels": "extracted"}
    kept = [file.name for file in (tmp_path / "statistics").iterdir()]
    assert len(kept) == 4 and sum(name.endswith("-features.npz") for name in kept) == 1  # one metric reads all features
    again, origins = plan.read_set(real, tmp_path, "")
    assert origins == {"pixels": "cached", "other-pixels": "cached"}
    for key, side in first.items():
        assert np.array_equal(side.statistics["mu"], again[key].statistics["mu"]), key
    means, deviations = (first["pixels", name].statistics["mu"] for name in ("means", "deviations"))
    assert not np.allclose(means, deviations)


def test_one_file_serves_the_only_extractor_and_must_name_it_among_several(
    zoo: Registry, files: dict[str, str], tmp_path: Path
) -> None:
    one = MetricsConfig(names=["apart", "apart-of-deviations"], weights=files["one"])
    found = score_arrays(find_scoring(one, zoo), *sides(), root=tmp_path)
    assert found.protocol["network_source"] == f"file {files['one']}"
    two = MetricsConfig(names=["apart", "apart-by-other"], weights=files["one"])
    with pytest.raises(GanzooError, match=r"read pixels and other-pixels; write metrics\.weights=\{pixels: /.*one\}"):
        score_arrays(find_scoring(two, zoo), *sides(), root=tmp_path)


def test_weights_that_cannot_be_meant_are_refused(zoo: Registry, files: dict[str, str], tmp_path: Path) -> None:
    def refused(match: str, *names: str, **settings: Any) -> None:
        with pytest.raises(GanzooError, match=match):
            score_arrays(find_scoring(MetricsConfig(names=list(names), **settings), zoo), *sides(), root=tmp_path)

    refused("unknown extractor 'pixel'; did you mean pixels", "apart", weights={"pixel": files["one"]})
    refused("OtherPixels is not here", "apart-by-other", weights={"pixels": files["one"]})
    refused("astray: pixels has no feature '2048'; there are means, deviations", "astray", weights=files["one"])
    refused("lost: unknown extractor 'nowhere'", "lost")
    both = {"weights": {"inception": files["one"]}, "inception": files["two"]}
    refused(r"metrics\.weights and metrics\.inception both name weights of inception; keep one", "fid", **both)
    refused(r"one is not the FID Inception network", "fid", weights=files["one"])
    refused(r"two is not the FID Inception network", "fid", inception=files["two"])


@pytest.mark.parametrize("wrong", [7, "", [], {"pixels": None}, {"pixels": ["a"]}])
def test_weights_are_a_file_or_files_by_extractor(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"weights is .*, must be a file or"):
        MetricsConfig(weights=wrong)


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        (["metrics.weights=/a/b.safetensors"], "/a/b.safetensors"),
        (["metrics.weights={dinov2: /a/b.pth}"], {"dinov2": "/a/b.pth"}),
        (["metrics.weights.dinov2=/a/b.pth"], {"dinov2": "/a/b.pth"}),
        ([], None),
    ],
)
def test_a_configuration_keeps_what_the_setting_says(registry: Registry, settings: list[str], weights: Any) -> None:
    config = resolve(registry, "mlp+minimax", None, settings)
    assert config.values.metrics.weights == weights
    assert parse_yaml(config.to_yaml())["metrics"]["weights"] == weights


def test_the_default_metrics_are_those_that_say_so(registry: Registry) -> None:
    assert resolve(registry, "mlp+minimax").values.metrics.names == ["fid"]
    assert resolve(registry, "mlp+minimax", None, ["metrics.names=[]"]).values.metrics.names == []
    assert MetricsConfig().names == []


def test_an_old_metrics_entry_reads_inceptions_pool(registry: Registry) -> None:
    entry = MetricEntry(name="old", summary="a", target=f"{HERE}:Apart", features="2048", reads="statistics")
    extractor = find_extractor(entry, registry)
    assert extractor.name == "inception" and next(iter(extractor.features)) == "2048"


def test_the_first_metric_that_compares_images_lends_its_extractor(
    zoo: Registry, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = MetricsConfig(names=["isc", "apart-of-deviations"], weights={"pixels": files["one"]})
    found = source_of_first(find_scoring(metrics, zoo), tmp_path)
    assert found is not None and (found[0].entry.name, found[1]) == ("pixels", "deviations")
    monkeypatch.setattr(extractors, "find_network", lambda *_: Network(tmp_path, "", "", ""))
    pool = source_of_first(find_scoring(MetricsConfig(names=["isc"]), zoo), tmp_path)
    assert pool is not None and (pool[0].entry.name, pool[1]) == ("inception", "2048")
    assert source_of_first(find_scoring(MetricsConfig(names=[]), zoo), tmp_path) is None
    monkeypatch.undo()
    one = MetricsConfig(names=["apart"], weights=files["two"])
    assert list(find_sources(find_scoring(one, zoo), tmp_path)) == ["pixels"]


def test_a_run_whose_extractor_lacks_its_weights_succeeds_unscored(zoo, tiny, tmp_path) -> None:
    console = Console(record=True, file=io.StringIO(), width=200)
    config = resolve(zoo, "mlp+minimax", None, [*tiny("mlp", kimg=0.128), "metrics.names=[apart]"])
    outcome = start(zoo, config, Display(console), out=tmp_path / "run")
    assert outcome.finished and outcome.score == {}
    assert "not scored: Pixels is not here; set metrics.weights=FILE" in console.export_text()
