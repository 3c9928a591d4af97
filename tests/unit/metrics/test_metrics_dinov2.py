"""Tests of the DINOv2 extractors, with timm's networks and random weights instead of the published ones."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import save_file
from support.runs import start

import ganzoo_fidelity
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.console.display import Display
from ganzoo.entries import load_target
from ganzoo.errors import GanzooError, NetworkMissing
from ganzoo.metrics.extractor import Network
from ganzoo.metrics.score import score_arrays
from ganzoo.plugin.registry import Registry
from ganzoo.testing.conformance import plan
from ganzoo.testing.extractor import CHECKS
from ganzoo_fidelity import dinov2, vit_weights
from ganzoo_fidelity.dinov2 import Dinov2Small, resample, resize, resize_with_pillow
from ganzoo_fidelity.frechet import frechet_distance

pytestmark = pytest.mark.seconds

CPU = torch.device("cpu")
MODEL = Dinov2Small.model


@pytest.fixture(scope="module")
def original() -> torch.nn.Module:
    """timm's network at its training size, whose position embedding is not zero."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(MODEL, pretrained=False, num_classes=0).eval()


@pytest.fixture(scope="module")
def file(original: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dinov2") / "small.safetensors"
    save_file(original.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def network(file: Path) -> Network:
    return Dinov2Small.find(str(file), Path())


@pytest.fixture(scope="module")
def extractor(network: Network) -> Dinov2Small:
    return Dinov2Small(network, "exact", CPU, ("class-token",))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_the_features_are_the_class_token_of_timms_network_on_what_the_papers_code_reads(
    original: torch.nn.Module, extractor: Dinov2Small, network: Network, images: torch.Tensor
) -> None:
    pil_images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    arrays = [np.asarray(pil_image.resize((224, 224), Image.Resampling.BICUBIC)) for pil_image in pil_images]
    inputs = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255
    inputs = (inputs - torch.tensor(dinov2.MEAN).view(3, 1, 1)) / torch.tensor(dinov2.STD).view(3, 1, 1)
    at_224 = timm.create_model(MODEL, pretrained=False, num_classes=0, img_size=224).eval()
    at_224.load_state_dict({**original.state_dict(), "pos_embed": resample(original.pos_embed.detach(), 16)})
    with torch.no_grad():
        expected = at_224.forward_features(inputs)[:, 0]
    reference = Dinov2Small(network, "reference", CPU, ("class-token",))(images)["class-token"]
    torch.testing.assert_close(reference, expected)
    exact = extractor(images)["class-token"]
    assert exact.shape == (2, 384) and exact.dtype == torch.float32
    assert (exact - reference).norm() < 1e-2 * reference.norm()


@pytest.mark.parametrize("size", [28, 224, 300])
def test_resizing_on_the_device_is_pillows_but_for_two_steps_of_255(size: int) -> None:
    images = torch.randint(256, (2, 3, size, size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    here, theirs = resize(images), resize_with_pillow(images).float()
    assert here.shape == theirs.shape == (2, 3, 224, 224)
    assert (here - theirs).abs().max() <= 2
    assert (here - theirs).abs().mean() < 0.01


def test_position_embeddings_are_resampled_as_dinov2s_own_code_does() -> None:
    """The resampling has a scale of 16.1 / 37 and no antialiasing: a plane nearly keeps its slope, and one patch
    changes at most 4 new ones."""
    rows, columns = torch.meshgrid(torch.arange(37.0), torch.arange(37.0), indexing="ij")
    embedding = torch.cat([torch.full((1, 1, 2), 7.0), torch.stack([rows, columns], 2).reshape(1, 37 * 37, 2)], 1)
    found = resample(embedding, 16)
    assert found.shape == (1, 257, 2) and (found[:, 0] == 7).all()
    grid = found[0, 1:].reshape(16, 16, 2)
    expected = (torch.arange(16.0) + 0.5) * 37 / 16.1 - 0.5
    torch.testing.assert_close(grid[:, 4, 0], expected, rtol=0, atol=0.1)
    torch.testing.assert_close(grid[4, :, 1], expected, rtol=0, atol=0.1)
    spike = torch.zeros(1, 1 + 37 * 37, 1)
    spike[0, 1 + 18 * 37 + 18] = 1.0
    touched = (resample(spike, 16)[0, 1:] != 0).sum()
    assert touched <= 4


def test_it_conforms(file: Path) -> None:
    def results(name: str, *settings: str) -> list[str]:
        alone = Registry(strict=True)
        alone.add(lambda: ganzoo_fidelity, "fidelity", "fidelity-alone", "1.0")
        cases = plan("fidelity-alone", settings=settings, registry=alone).cases
        return [case.result().status for case in cases if case.subject.title == f"extractor {name}"]

    assert results("dinov2", f"metrics.weights={{dinov2: {file}}}") == ["passed"] * len(CHECKS)
    unnamed = ["passed", *["skipped"] * (len(CHECKS) - 1)]
    assert results("dinov2-l", f"metrics.weights={{dinov2: {file}}}") == unnamed


def test_the_checksum_is_of_the_numbers_and_the_preprocessing(
    original: torch.nn.Module, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = original.state_dict()
    torch.save({**state, "mask_token": torch.zeros(1, 384)}, tmp_path / "as_the_authors_save_it.pth")
    same = Dinov2Small.find(str(tmp_path / "as_the_authors_save_it.pth"), tmp_path)
    assert same.sha256 == network.sha256 and same.file_sha256 != network.file_sha256
    assert same.source == "file as_the_authors_save_it.pth"
    save_file({**state, "norm.bias": state["norm.bias"] + 1e-3}, tmp_path / "other.safetensors")
    assert Dinov2Small.find(str(tmp_path / "other.safetensors"), tmp_path).sha256 != network.sha256
    monkeypatch.setattr(dinov2, "PREPROCESSING", "another")
    assert Dinov2Small.find(str(network.path), tmp_path).sha256 != network.sha256


class Boom:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("boom"),))


def test_another_file_is_refused_in_one_line(
    original: torch.nn.Module, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, match: str) -> None:
        with pytest.raises(GanzooError, match=match) as raised:
            Dinov2Small.find(str(tmp_path / name), tmp_path)
        assert "\n" not in str(raised.value)

    monkeypatch.chdir(tmp_path)
    wrong = f"does not hold the weights of {MODEL}"
    refused("none.safetensors", r"metrics\.weights=.*none\.safetensors: there is no such file")
    (tmp_path / "text.safetensors").write_text("no network")
    refused(
        "text.safetensors", rf"text\.safetensors {wrong} \(.*\); get model\.safetensors of .* and set metrics\.weig"
    )
    torch.save({"pos_embed": Boom()}, "evil.pth")
    refused("evil.pth", rf"evil\.pth {wrong} \(UnpicklingError\)")
    assert not Path("boom").exists()
    torch.save([1, 2], "list.pth")
    refused("list.pth", wrong)
    torch.save({"cls_token": "a text"}, "texts.pth")
    refused("texts.pth", wrong)
    save_file({"weight": torch.zeros(3)}, "small.safetensors")
    refused("small.safetensors", rf"{wrong}: blocks\.0\.attn\.proj\.bias differs")
    state = original.state_dict()
    save_file({**state, "pos_embed": torch.zeros(1, 257, 384)}, "resized.safetensors")
    refused("resized.safetensors", rf"{wrong}: pos_embed is \(1, 257, 384\), not \(1, 1370, 384\)")
    with pytest.raises(GanzooError, match=r"does not hold the weights of vit_base_patch14_dinov2"):
        dinov2.Dinov2Base.find(str(file), tmp_path)


def test_without_weights_and_without_the_hub_the_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(
        NetworkMissing, match=r"is missing and cannot be downloaded; get model\.safetensors of"
    ) as raised:
        Dinov2Small.find(None, tmp_path)
    assert "set metrics.weights=FILE" in str(raised.value) and "\n" not in str(raised.value)
    assert asked == [("timm/vit_small_patch14_dinov2.lvd142m", "model.safetensors")]


def test_weights_from_the_hub_are_read_as_a_files_are(
    file: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_: str(file))
    found = Dinov2Small.find(None, Path())
    assert (found.sha256, found.source) == (network.sha256, "hub timm/vit_small_patch14_dinov2.lvd142m")


@pytest.mark.parametrize("end", ["", "-b", "-l"])
def test_each_size_is_the_papers_network_of_that_size(registry: Registry, end: str) -> None:
    entry: Any = registry.entries["extractor"][f"dinov2{end}"]
    network: Any = vit_weights.skeleton(load_target(entry.target).model, img_size=224)
    assert entry.features == {"class-token": network.num_features}
    assert network.patch_embed.grid_size == (16, 16) and network.global_pool == "token"
    assert network.norm.eps == 1e-6
    for metric in (f"fd-dinov2{end}", f"kid-dinov2{end}"):
        assert registry.entries["metric"][metric].extractor == entry.name  # type: ignore[attr-defined]


@pytest.mark.long
def test_scores_of_both_extractors_stand_side_by_side(
    registry: Registry, extractor: Dinov2Small, file: Path, tmp_path: Path, images: torch.Tensor
) -> None:
    rng = np.random.default_rng(0)
    real, fake = (rng.integers(0, top, (4, 1, 28, 28), dtype=np.uint8) for top in (128, 256))
    metrics = MetricsConfig(names=["fd-dinov2", "kid-dinov2"], weights=str(file))
    found = score_arrays(find_scoring(metrics, registry), real, fake, root=tmp_path)
    assert list(found.values) == ["fd_dinov2", "kid_dinov2_mean", "kid_dinov2_std"]
    sides = [extractor(torch.from_numpy(side))["class-token"].double().numpy() for side in (real, fake)]
    statistics = [{"mu": side.mean(0), "sigma": np.cov(side, rowvar=False)} for side in sides]
    assert found.values["fd_dinov2"] == pytest.approx(frechet_distance(*statistics), rel=1e-5)
    protocol = json.loads(json.dumps(found.to_dict()))["protocol"]
    assert protocol["network_name"] == f"timm {MODEL}" and protocol["network_source"] == "file small.safetensors"
    assert "bicubic" in protocol["preprocessing"] and "(0.485, 0.456, 0.406)" in protocol["preprocessing"]
    assert protocol["metrics"]["fd-dinov2"].endswith("DINOv2 ViT-S/14 class-token")
    assert protocol["ranked_by"] == {"value": "fd_dinov2", "lower_is_better": True}
    assert "inception_resize" not in protocol and protocol["timm"]


def test_a_run_is_scored_by_it(registry: Registry, tiny: Any, file: Path, tmp_path: Path) -> None:
    directory = tmp_path / "images"
    directory.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(directory / f"{number}.png")
    settings = [
        *tiny("mlp", kimg=0.032, batch=8, snapshot_kimg=0.016), f"data.name=folder:{directory}",
        "metrics.names=[fd-dinov2]", "metrics.fakes=3", f"metrics.weights={file}", "metrics.mode=fast",
    ]  # fmt: skip
    outcome = start(
        registry, resolve(registry, "mlp+minimax", None, settings), Display(Console(file=io.StringIO())),
        out=tmp_path / "run",
    )  # fmt: skip
    assert list(outcome.score["values"]) == ["fd_dinov2"]
    assert outcome.directory.best() == "kimg000000.032"
