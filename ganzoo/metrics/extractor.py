"""Pictures to Inception features, with torch-fidelity's own network class."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from ganzoo.distributed.device import has_bf16
from ganzoo.errors import GanzooError
from ganzoo.metrics.inception import Inception
from ganzoo.metrics.network import Network, load_state

Mode = Literal["exact", "fast", "reference"]
LAYERS = ("2048", "logits_unbiased")
LOGITS_REMEDY = "set metrics.inception=PATH to torch-fidelity's weights-inception-2015-12-05-6726825d.pth"


class Extractor:
    """uint8 pictures ``(N, 1 or 3, H, W)`` to float32 features on the device, one matrix ``(N, D)`` per layer.

    The network itself resizes them to 299 as TensorFlow 1.x did; grey ones are tiled to three channels.
    """

    def __init__(self, network: nn.Module, mode: Mode, device: torch.device, layers: tuple[str, ...]) -> None:
        self.network, self.mode, self.device, self.layers = network, mode, device, layers

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        pictures = pictures.to(self.device)
        with torch.inference_mode(), _precision(self.mode):
            found = self.network(pictures.expand(-1, 3, -1, -1) if self.mode == "reference" else pictures)
        return {layer: matrix.float() for layer, matrix in zip(self.layers, found, strict=True)}


def load_extractor(
    network: Network, mode: str = "exact", device: torch.device | str = "cpu", layers: Sequence[str] = ("2048",)
) -> Extractor:
    """The network, ready to be called.

    ``reference`` is torch-fidelity's class as it is, on CUDA in TF32 unless cuDNN is forbidden that. ``exact`` is the
    same arithmetic in another order, without TF32.
    ``fast``, for curves, computes that in bf16 where the device has it: benchmarks/speed/evaluation.py measures what
    that does to the FID.
    Raises GanzooError as :func:`check_extraction` does.
    """
    checked, device = check_extraction(network, mode, layers), torch.device(device)
    model = _build(load_state(network.path), layers)
    if checked != "reference":
        model = Inception(model, layers, bf16=checked == "fast" and has_bf16(device))
    return Extractor(model.to(device), checked, device, tuple(layers))


def check_extraction(network: Network, mode: str, layers: Sequence[str]) -> Mode:
    """The mode, checked. Raises GanzooError for another one, for an unknown layer, and for the logits of a network
    that lacks them."""
    if mode not in get_args(Mode):
        raise GanzooError(f"metrics.mode={mode}: must be one of {', '.join(get_args(Mode))}")
    for layer in layers:
        if layer not in LAYERS:
            raise GanzooError(f"unknown Inception layer {layer!r}; there are {', '.join(LAYERS)}")
    if "logits_unbiased" in layers and not network.has_logits:
        raise GanzooError(f"the network from {network.source} has no class logits; {LOGITS_REMEDY}")
    return cast(Mode, mode)


def takes_tf32(mode: Mode, device: torch.device) -> bool:
    """Whether float32 convolutions are computed in TF32, which has 10 bits for a float32's 23."""
    if device.type != "cuda":
        return False
    return torch.backends.cudnn.allow_tf32 if mode == "reference" else mode == "fast"


def _build(state: dict[str, Tensor], layers: Sequence[str]) -> nn.Module:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    # Its constructor unpickles whatever it is given, so it is given what was just read without pickle.
    clean = io.BytesIO()
    torch.save(state, clean)
    clean.seek(0)
    with torch.random.fork_rng(devices=[]):
        return FeatureExtractorInceptionV3("inception-v3-compat", list(layers), feature_extractor_weights_path=clean)


@contextmanager
def _precision(mode: Mode) -> Iterator[None]:
    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, cublas.allow_tf32
    if mode != "reference":
        cudnn.allow_tf32 = cublas.allow_tf32 = mode == "fast"
    try:
        yield
    finally:
        cudnn.allow_tf32, cublas.allow_tf32 = before


__all__ = ["Extractor", "Mode", "check_extraction", "load_extractor", "takes_tf32"]
