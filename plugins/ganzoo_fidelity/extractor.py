"""The extractor of Inception features, with torch-fidelity's network class."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.distributed.device import has_bf16
from ganzoo.errors import GanzooError
from ganzoo.metrics.extractor import Extractor, Mode, Network
from ganzoo_fidelity.inception import Inception, as_tensorflow
from ganzoo_fidelity.network import LOGITS, find_network, load_state
from ganzoo_fidelity.precision import precision, takes_tf32

LOGITS_REMEDY = "set metrics.inception=PATH to torch-fidelity's weights-inception-2015-12-05-6726825d.pth"


class InceptionExtractor(Extractor):
    """The extractor of ``2048`` (the last pooling) and ``logits_unbiased`` (class logits without their bias).

    The network itself resizes images to 299 x 299 as TensorFlow 1.x did; grey images are repeated to three channels.
    ``reference`` uses torch-fidelity's class unchanged, on CUDA with TF32 if cuDNN allows it. ``exact`` does the same
    arithmetic in another order, without TF32. ``fast``, for curves, is like ``exact`` but with TF32, and in bf16 if the
    device supports it; benchmarks/speed/evaluation.py measures the effect on the FID.
    """

    prepare = staticmethod(as_tensorflow)

    def __init__(self, network: Network, mode: Mode, device: torch.device, features: Sequence[str]) -> None:
        super().__init__(network, mode, device, features)
        model = _build(load_state(network.path), features)
        if mode != "reference":
            model = Inception(model, features, bf16=mode == "fast" and has_bf16(device), prepare=self.prepare)
        self.model = model.to(device)

    @classmethod
    def find(cls, file: str | None, root: Path) -> Network:
        return find_network(file, root)

    @classmethod
    def check(cls, network: Network, mode: Mode, features: Sequence[str]) -> None:
        if LOGITS in features and LOGITS in network.lacks:
            raise GanzooError(f"the network from {network.source} has no class logits; {LOGITS_REMEDY}")

    @classmethod
    def protocol(cls, network: Network, mode: Mode, device: torch.device) -> Mapping[str, Any]:
        import torch_fidelity

        return {
            "inception_resize": "to 299 x 299 by the network, bilinear as in TensorFlow 1.x",
            **({"tf32": takes_tf32(mode, device)} if device.type == "cuda" else {}),
            "torch_fidelity": torch_fidelity.__version__,
        }

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        images = images.to(self.device)
        with torch.inference_mode(), precision(self.mode):
            found = self.model(images.expand(-1, 3, -1, -1) if self.mode == "reference" else images)
        return {name: matrix.float() for name, matrix in zip(self.features, found, strict=True)}


def _build(state: dict[str, Tensor], features: Sequence[str]) -> nn.Module:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    # Its constructor unpickles its input, so it gets a copy of the state that was read safely.
    clean = io.BytesIO()
    torch.save(state, clean)
    clean.seek(0)
    with torch.random.fork_rng(devices=[]):
        return FeatureExtractorInceptionV3("inception-v3-compat", list(features), feature_extractor_weights_path=clean)


__all__ = ["InceptionExtractor"]
