from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.scoring import NETWORK, SPEC, Blur, Set, Stub

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.entries import DatasetEntry, ExtractorEntry, ImageSpec, MetricEntry
from ganzoo.errors import GanzooError, NetworkMissing
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.metrics import score as scoring
from ganzoo.metrics.configured import check_configured
from ganzoo.metrics.extractors import Source
from ganzoo.metrics.fakes import fake_images
from ganzoo.metrics.features import Features
from ganzoo.metrics.plan import Plan
from ganzoo.metrics.score import _measure, score, score_arrays
from ganzoo.metrics.shipped import save_shipped
from ganzoo.plugin.registry import Registry
from ganzoo_fidelity.network import find_network


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    stub = Stub()
    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    monkeypatch.setattr(readers, "load_extractor", lambda *args: stub)
    return stub


@pytest.fixture
def zoo() -> Registry:
    import ganzoo_fidelity

    registry = Registry(strict=True)
    registry.add(lambda: ganzoo_fidelity, "fidelity", "ganzoo")
    return registry


@pytest.fixture
def real() -> Set:
    rng = np.random.default_rng(0)
    return Set(rng.integers(0, 256, (120, 1, 8, 8), dtype=np.uint8), np.repeat([0, 1, 2], [90, 30, 0]))


def source(zoo: Registry) -> Source:
    return Source(zoo.get(ExtractorEntry, "inception"), NETWORK)


def scored(zoo: Registry, real: Set, root: Path, *names: str, **options: Any) -> scoring.Score:
    settings = {
        name: options.pop(name) for name in ("fakes", "seed", "mode", "weights", "inception") if name in options
    }
    metrics = MetricsConfig(names=list(names), **{"fakes": 150, **settings})
    return score(find_scoring(metrics, zoo), options.pop("generator", Blur()), real, root=root, **options)  # type: ignore[arg-type]


def test_the_real_set_is_read_once(zoo: Registry, real: Set, stub: Stub, tmp_path: Path) -> None:
    first = scored(zoo, real, tmp_path, "fid")
    assert stub.read == 120 + 150
    second = scored(zoo, real, tmp_path, "fid")
    assert stub.read == 120 + 150 + 150
    assert first.values == second.values
    assert (first.protocol["real_statistics"], second.protocol["real_statistics"]) == ("extracted", "cached")
    # KID reads the features of each image, which FID did not cache; after that, the real set is not read again.
    scored(zoo, real, tmp_path, "kid")
    third = scored(zoo, real, tmp_path, "fid", "kid", "prc")
    assert stub.read == 120 + 150 + 150 + (120 + 150) + 150
    assert third.values["fid"] == pytest.approx(first.values["fid"], rel=1e-12)  # first from sums, third from features
    assert set(third.values) == {"fid", "kid_mean", "kid_std", "precision", "recall", "f_score"}


def test_what_is_cached_belongs_to_one_set_and_one_protocol(
    zoo: Registry, real: Set, stub: Stub, tmp_path: Path
) -> None:
    scored(zoo, real, tmp_path, "fid")
    for other, mode in ((replace(real, fingerprint="e" * 64), "exact"), (real, "reference")):
        assert scored(zoo, other, tmp_path, "fid", mode=mode).protocol["real_statistics"] == "extracted"


@pytest.mark.parametrize("renamed", [False, True])
def test_a_damaged_cache_is_made_anew(zoo: Registry, real: Set, stub: Stub, tmp_path: Path, renamed: bool) -> None:
    first = scored(zoo, real, tmp_path, "fid", "kid")
    for file in (tmp_path / "statistics").iterdir():
        content = file.read_bytes()
        file.write_bytes(content.replace(b"sigma.npy", b"sigmb.npy") if renamed else content[:100])
    assert scored(zoo, real, tmp_path, "fid", "kid").values == first.values


@pytest.mark.parametrize("same", ["all", "pictures", "network"])
def test_shipped_statistics_are_used_only_for_their_images_and_network(
    same: str, zoo: Registry, real: Set, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / f"toy_{same}"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    statistics = Features(120, matrix=stub(torch.from_numpy(real.array))["2048"]).statistics
    images = real.array if same != "network" else 255 - real.array
    network = NETWORK.sha256 if same != "pictures" else "00" * 32
    save_shipped(package / "toy.npz", statistics, images, network)
    entry = DatasetEntry(name="toy", summary="", target="", statistics=f"toy_{same}:toy.npz")
    result = scored(zoo, real, tmp_path / "cache", "fid", shipped=entry.statistics)
    assert result.protocol["real_statistics"] == ("shipped" if same == "all" else "extracted")
    extracted = scored(zoo, replace(real, name="other"), tmp_path / "other", "fid")
    assert extracted.protocol["real_statistics"] == "extracted"
    assert result.values["fid"] == pytest.approx(extracted.values["fid"], rel=1e-5)


def test_the_protocol_stands_beside_the_values(zoo: Registry, real: Set, stub: Stub, tmp_path: Path) -> None:
    result = scored(zoo, replace(real, demonstration=True), tmp_path, "fid", "prc", seed=7)
    protocol = json.loads(json.dumps(result.to_dict()))["protocol"]
    expected = {
        "reference": "toy",
        "split": "test",
        "fingerprint": "f" * 64,
        "real_pictures": 120,
        "fake_pictures": 150,
        "resize": {"size": 8},
        "network": NETWORK.sha256,
        "network_file": NETWORK.file_sha256,
        "extractor": "exact",
        "seed": 7,
        "truncation": 1.0,
        "demonstration": True,
        "grey": "tiled to three channels",
    }
    assert expected.items() <= protocol.items()
    assert "round(127.5 x + 127.5)" in protocol["quantisation"]
    assert protocol["metrics"]["prc"].endswith("Inception 2048")
    assert protocol["torch_fidelity"]
    assert "demonstration" not in scored(zoo, real, tmp_path, "fid").protocol


@pytest.mark.parametrize("allowed", [True, False])
def test_a_score_on_cuda_says_whether_float32_was_tf32(
    zoo: Registry, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)

    def protocol(mode: str, device: str) -> dict[str, Any]:
        reader = readers.Reader(source(zoo), mode, device, ("2048",))
        return Plan((), {}, {"inception": reader}).protocol((1, 1, 8, 8), 1, 0)

    said = {mode: protocol(mode, "cuda")["tf32"] for mode in ("exact", "fast", "reference")}
    assert said == {"exact": False, "fast": True, "reference": allowed}
    assert "tf32" not in protocol("fast", "cpu")


def test_chunks_do_not_bound_the_batch(zoo: Registry, real: Set, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extractor's batch of 250 is larger than the generator's chunks of 100 images."""
    sizes: list[int] = []
    monkeypatch.setattr(readers, "load_extractor", lambda *_: lambda part: sizes.append(len(part)) or stub(part))
    images = torch.from_numpy(np.repeat(real.array, 5, axis=0))
    reader = readers.Reader(source(zoo), "exact", "cpu", ("2048",), batch=250)
    found = reader.read(iter([*images.split(100), images[:0]]), len(images), "")["2048"]
    assert sizes == [250, 250, 100]
    assert torch.equal(found, torch.cat([stub(part)["2048"] for part in images.split(250)]))


def test_a_score_depends_on_the_seed_and_on_nothing_else_random(
    zoo: Registry, real: Set, stub: Stub, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    first = scored(zoo, real, tmp_path, "fid", "kid", batch=7).values
    torch.manual_seed(2)
    assert scored(zoo, real, tmp_path, "fid", "kid").values == pytest.approx(first, rel=1e-5)
    assert scored(zoo, real, tmp_path, "fid", "kid", seed=1).values["fid"] != pytest.approx(first["fid"], rel=1e-3)


def test_fewer_images_are_the_first_of_more_and_classes_follow_the_real_set(real: Set) -> None:
    generator = Blur()
    many = torch.cat(list(fake_images(generator, 1050, 3, real.labels)))
    few = torch.cat(list(fake_images(generator, 130, 3, real.labels)))
    assert many.dtype == torch.uint8
    assert many.shape == (1050, 1, 8, 8)
    assert torch.equal(many[:130], few)
    drawn = torch.cat(generator.seen[:11]).bincount(minlength=3) / 1100
    assert drawn.tolist() == pytest.approx([0.75, 0.25, 0], abs=0.05)


def test_a_generator_that_reads_labels_if_there_are_any_is_scored_without() -> None:
    class Willing(Blur):
        def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
            assert labels is None
            return 0.3 * latents.view(-1, 1, 8, 8).clamp(-1, 1)

    generator = Willing()
    generator.image = replace(SPEC, classes=0)
    assert torch.cat(list(fake_images(generator, 130, 3, None))).shape == (130, 1, 8, 8)


def test_what_cannot_be_scored_is_refused(zoo: Registry, real: Set, stub: Stub, tmp_path: Path) -> None:
    def refused(match: str, *names: str, **options: Any) -> None:
        with pytest.raises(GanzooError, match=match):
            scored(zoo, options.pop("real", real), tmp_path, *(names or ("fid",)), **options)

    refused("unknown metric 'fdi'; did you mean fid", "fdi")
    with pytest.raises(ValueError, match="fakes is 1, must be 2 or more"):
        MetricsConfig(fakes=1)
    with pytest.raises(GanzooError, match="1 generated images cannot be scored"):
        score_arrays(find_scoring(MetricsConfig(names=["fid"]), zoo), real.array, real.array[:1], root=tmp_path)
    refused("1 real images cannot be scored", real=replace(real, array=real.array[:1]))
    refused("images have NaN or infinite values", generator=Blur(float("nan")))
    refused("has no labels", real=replace(real, labels=None))
    refused("in training mode", generator=Blur().train())
    refused("truncation", truncation=0.5)
    with pytest.raises(ValueError, match="must be one of exact, fast, reference"):
        MetricsConfig(mode="quick")
    with pytest.raises(GanzooError, match="must be one of exact, fast, reference"):
        readers.Reader(source(zoo), "quick", "cpu", ("2048",))
    refused("makes images of", real=replace(real, spec=ImageSpec(3, 8)))
    refused("isc: the network from a stand-in has no class logits; set metrics.inception=PATH", "fid", "isc")
    refused("prc: 3 images", "prc", fakes=3)
    assert stub.read < 4 + 120 + 100, "most of it before the first image"


def test_a_run_ends_before_training_if_its_network_lacks_what_a_metric_reads(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*names: str) -> None:
        check_configured(resolve(registry, "mlp+minimax", None, [f"metrics.names=[{','.join(names)}]"]))

    monkeypatch.setattr(extractors, "find_network", lambda *_: NETWORK)
    asked("fid", "kid")
    with pytest.raises(GanzooError, match="isc: the network from a stand-in has no class logits"):
        asked("fid", "isc")

    def missing(*_: Any) -> None:
        raise NetworkMissing("no network")

    monkeypatch.setattr(extractors, "find_network", missing)
    asked("fid", "isc")  # trained without a score


def test_a_metric_sees_only_what_its_entry_asks_for(zoo: Registry, real: Set, stub: Stub, tmp_path: Path) -> None:
    entry = MetricEntry(name="greedy", summary="", target=f"{__name__}:Greedy", reads="statistics")
    zoo.entries["metric"]["greedy"] = entry
    with pytest.raises(GanzooError, match="did not ask for"):
        scored(zoo, real, tmp_path, "greedy")


def test_the_inception_score_reads_the_fakes_alone(
    zoo: Registry, real: Set, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def logits(images: torch.Tensor) -> dict[str, torch.Tensor]:
        # Two classes, dark and bright images, each recognised with certainty: the score is 2.
        bright = images.float().flatten(1).mean(1) > 127
        return {"logits_unbiased": 1e3 * torch.stack([bright, ~bright], dim=1).float()}

    monkeypatch.setattr(extractors, "find_network", lambda *_: replace(NETWORK, lacks=()))
    monkeypatch.setattr(readers, "load_extractor", lambda *args: logits)
    labels = np.array([0, 2])
    result = scored(zoo, replace(real, labels=labels), tmp_path, "isc", generator=Blur(0.1), fakes=1000)
    assert result.values["isc_mean"] == pytest.approx(2, abs=0.05)
    assert result.protocol["real_statistics"] == "not needed"
    assert not list(tmp_path.iterdir())


class Greedy:
    def __call__(self, *, real: Features, fake: Features, seed: int) -> Mapping[str, float]:
        return {"sum": float(fake.logits.sum())}


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Two small sets of images, as arrays and as directories of PNG files, and the network."""
    root = tmp_path_factory.mktemp("directories")
    try:
        network = find_network(None, root)
    except NetworkMissing as missing:
        pytest.skip(str(missing))
    rng = np.random.default_rng(0)
    arrays = {
        "fake": rng.integers(0, 256, (12, 3, 16, 16), dtype=np.uint8),
        "real": rng.integers(0, 128, (10, 3, 16, 16), dtype=np.uint8),
    }
    # Similar enough that precision and recall are neither 0 nor 1.
    arrays["real"][:4] = arrays["fake"][:4] // 2 + 64
    for name, array in arrays.items():
        (root / name).mkdir()
        for index, image in enumerate(array):
            Image.fromarray(image.transpose(1, 2, 0)).save(root / name / f"{index:03d}.png")
    yield {"root": root, "network": network, **arrays}


@pytest.mark.long
@pytest.mark.seconds
def test_the_reference_mode_gives_torch_fidelitys_own_figures(zoo: Registry, directories: dict[str, Any]) -> None:
    from torch_fidelity import calculate_metrics

    theirs = calculate_metrics(
        input1=str(directories["root"] / "fake"),
        input2=str(directories["root"] / "real"),
        fid=True,
        kid=True,
        prc=True,
        kid_subset_size=10,
        rng_seed=5,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(directories["network"].path),
        batch_size=6,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    names = {
        "fid": "frechet_inception_distance",
        "kid_mean": "kernel_inception_distance_mean",
        "kid_std": "kernel_inception_distance_std",
        "precision": "precision",
        "recall": "recall",
        "f_score": "f_score",
    }
    sides = directories["real"], directories["fake"]
    reference = MetricsConfig(names=["fid", "kid", "prc"], mode="reference", seed=5)
    ours = score_arrays(find_scoring(reference, zoo), *sides, root=directories["root"], batch=6)
    for name, theirs_name in names.items():
        assert ours.values[name] == pytest.approx(theirs[theirs_name], rel=1e-6, abs=1e-9), name
    assert ours.values["fid"] > 10

    exact = score_arrays(find_scoring(MetricsConfig(names=["fid"], seed=5), zoo), *sides, root=directories["root"])
    assert exact.values["fid"] == pytest.approx(ours.values["fid"], abs=1e-3)
    assert exact.protocol["extractor"] == "exact"


def test_arrays_of_another_kind_are_refused(zoo: Registry, directories: dict[str, Any]) -> None:
    with pytest.raises(GanzooError, match="must be uint8"):
        real = directories["real"].astype(np.float32)
        score_arrays(
            find_scoring(MetricsConfig(names=["fid"]), zoo), real, directories["fake"], root=directories["root"]
        )


def test_every_feature_a_metric_may_ask_for_is_known(zoo: Registry) -> None:
    metrics = [entry for entry in zoo.entries["metric"].values() if isinstance(entry, MetricEntry)]
    assert all(
        entry.features in find_scoring(MetricsConfig(names=[entry.name]), zoo).used[0].features for entry in metrics
    )
    offered = set(zoo.get(ExtractorEntry, "inception").features)
    assert {entry.features for entry in metrics if entry.extractor == "inception"} == offered


def returning(name: str, values: dict[str, float], primary: str = "") -> Any:
    """Return an entry of a metric that returns these values."""
    return SimpleNamespace(name=name, primary=primary, reads_labels=False, construct=lambda: lambda **_: values)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([returning("a", {"d": 1.0}), returning("b", {"d": 2.0})], "b: another metric returns d too"),
        ([returning("a", {"d:0": 1.0}, "d:0")], "a: d:0 is .* of .* class, which cannot rank a run"),
        ([returning("a", {"d:0": 1.0})], "a: d:0 is .* of .* class, which cannot rank a run"),
    ],
)
def test_a_value_that_would_be_lost_is_refused(entries: list[Any], says: str) -> None:
    plan = SimpleNamespace(entries=entries, wanted={entry.name: "key" for entry in entries}, per_class=False)
    with pytest.raises(GanzooError, match=says):
        _measure(plan, {"key": None}, {"key": None}, 0)
