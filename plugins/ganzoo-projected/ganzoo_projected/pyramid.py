"""A network of timm as a fixed way to see a picture."""

from __future__ import annotations

import difflib
import warnings
import zlib
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo_projected.frozen import frozen
from ganzoo_projected.weights import packaged, to_timm

LEVELS = 4  # the last ones of the backbone: for a convolutional network a 4th to a 32nd of the picture's size


class Pyramid(nn.Module):
    """Pictures ``(N, C, H, W)`` in [-1, 1], C 1 or 3, to features ``(N, c, h, w)`` of several sizes, the finest first,
    each level scaled by a constant to deviation 1 on noise.

    ``channels`` and ``sizes`` tell what c and h are at each. Differentiable in the pictures; its weights are buffers
    and its normalisation never looks at a batch. Pretrained weights are no part of ``state_dict``, which holds their
    checksum; random ones are.

    Raises ValueError for a backbone that timm lacks, that cannot take pictures of ``size`` or whose weights are not to
    be had.
    """

    def __init__(self, name: str, size: int, pretrained: bool) -> None:
        super().__init__()
        self.name, self.size, self.pretrained = name, size, pretrained
        model = _load(name, size, pretrained)
        self.checksum = zlib.crc32(b"".join(t.numpy().tobytes() for t in model.state_dict().values()))
        self.backbone = frozen(model, persistent=not pretrained).eval()
        config = model.pretrained_cfg
        mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        self.register_buffer("scale", 0.5 / std, persistent=False)  # from [-1, 1] to what the backbone was trained on
        self.register_buffer("shift", (0.5 - mean) / std, persistent=False)
        self.scale: Tensor
        self.shift: Tensor
        channels = model.feature_info.channels()[-LEVELS:]
        noise = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0))
        try:
            with torch.no_grad():
                features = self.backbone(noise)[-LEVELS:]
        except (AssertionError, RuntimeError) as error:
            raise ValueError(f"backbone {name} cannot take {size}x{size} pictures: {_first_line(error)}") from error
        self.channels_last = [x.shape[1] for x in features] != channels  # as transformers have them
        self.channels, self.sizes = channels, [x.shape[1 if self.channels_last else 2] for x in features]
        # Backbones differ in the scale of their features by a hundred, spectrally normalised layers keep any scale, and
        # losses with a margin do not.
        self.register_buffer("gains", torch.stack([1 / x.std() for x in features]))
        self.gains: Tensor

    def forward(self, pictures: Tensor) -> list[Tensor]:
        if pictures.shape[-1] != self.size:
            pictures = F.interpolate(pictures, (self.size, self.size), mode="bilinear", align_corners=False)
        # One channel broadcasts to three.
        features = self.backbone(torch.addcmul(self.shift, pictures, self.scale))[-LEVELS:]
        if self.channels_last:
            features = [x.permute(0, 3, 1, 2) for x in features]
        return [x * gain.to(x.dtype) for x, gain in zip(features, self.gains, strict=True)]

    def train(self, mode: bool = True) -> Pyramid:
        """Stays in evaluation mode."""
        return super().train(False)

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.checksum if self.pretrained else 0)

    def set_extra_state(self, state: Tensor) -> None:
        if self.pretrained and int(state) != self.checksum:
            raise RuntimeError(
                f"the weights of backbone {self.name} are not those it was trained with; install the version that "
                "provenance.json names"
            )


def _load(name: str, size: int, pretrained: bool) -> Any:
    """timm's network that returns its features."""
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"discriminator.backbone: timm has no {name!r}{hint}")
    weights = packaged(name) if pretrained else None
    try:
        config = timm.get_pretrained_cfg(name)
        options = {"img_size": size} if config is not None and config.fixed_input_size else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = timm.create_model(name, features_only=True, pretrained=pretrained and weights is None, **options)
    except Exception as error:  # whatever timm or a download raises
        raise ValueError(
            f"backbone {name} cannot be had: {_first_line(error)}; choose another discriminator.backbone, or set "
            "discriminator.pretrained=false if only its weights are out of reach"
        ) from error
    if weights is not None:
        own = model.state_dict()
        model.load_state_dict({key: tensor for key, tensor in to_timm(weights, model).items() if key in own})
    return model


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
