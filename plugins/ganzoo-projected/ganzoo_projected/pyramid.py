"""A network of timm as a fixed way to see an image."""

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

LEVELS = 4  # at most, as published


class Pyramid(nn.Module):
    """Images ``(N, C, H, W)`` in [-1, 1], C 1 or 3, to features ``(N, c, h, w)`` of several sizes, the finest first,
    each level scaled by a constant to deviation 1 on noise.

    The levels are the backbone's last four of at least ``smallest`` places across: images of 64 pixels are seen at a
    half to a 16th of their size, of 128 and more at a 4th to a 32nd. A network that sees them coarser lets the
    generator draw what it likes between the places.
    ``channels`` and ``sizes`` tell what c and h are at each level. Differentiable in the images; its weights are
    buffers and its normalisation never looks at a batch. Pretrained weights are no part of ``state_dict``, which holds
    their checksum; random ones are.

    Raises ValueError for a backbone that timm lacks, that cannot take images of ``size`` or whose weights are not to
    be had.
    """

    def __init__(self, name: str, size: int, pretrained: bool, *, smallest: int = 1) -> None:
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
        noise = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0))
        try:
            with torch.no_grad():
                features = self.backbone(noise)
        except (AssertionError, RuntimeError) as error:
            raise ValueError(f"backbone {name} cannot take {size}x{size} images: {_first_line(error)}") from error
        channels = model.feature_info.channels()
        self.transposed = [x.shape[1] for x in features] != channels  # as transformers have them
        sizes = [x.shape[1 if self.transposed else 2] for x in features]
        self.levels = [level for level, places in enumerate(sizes) if places >= smallest][-LEVELS:]
        if not self.levels:
            raise ValueError(f"backbone {name} makes too few places of {size} pixels; set discriminator.size to more")
        self.channels, self.sizes = [channels[n] for n in self.levels], [sizes[n] for n in self.levels]
        # Backbones differ in the scale of their features by a hundred, spectrally normalised layers keep any scale, and
        # losses with a margin do not.
        self.register_buffer("gains", torch.stack([1 / features[n].std() for n in self.levels]))
        self.gains: Tensor

    def forward(self, images: Tensor) -> list[Tensor]:
        if images.shape[-1] != self.size:
            images = F.interpolate(images, (self.size, self.size), mode="bilinear", align_corners=False)
        shown = torch.addcmul(self.shift, images, self.scale)  # one channel broadcasts to three
        # With channels last a CPU takes two thirds of the time; in bf16, half as much again for the gradient of
        # depthwise convolutions.
        with torch.autocast("cpu", enabled=False):
            features = self.backbone(shown.contiguous(memory_format=torch.channels_last))
        levels = [features[n].permute(0, 3, 1, 2) if self.transposed else features[n] for n in self.levels]
        return [x * gain.to(x.dtype) for x, gain in zip(levels, self.gains, strict=True)]

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
            f"backbone {name} cannot be loaded: {_first_line(error)}; choose another discriminator.backbone, or set "
            "discriminator.pretrained=false if only its weights are out of reach"
        ) from error
    if weights is not None:
        own = model.state_dict()
        model.load_state_dict({key: tensor for key, tensor in to_timm(weights, model).items() if key in own})
    return model


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
