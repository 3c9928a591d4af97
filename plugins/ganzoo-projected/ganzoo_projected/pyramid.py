"""A network of timm as a fixed feature extractor."""

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

LEVELS = 4  # levels at most, as published


class Pyramid(nn.Module):
    """Maps images ``(N, C, H, W)`` in [-1, 1] to features ``(N, c, h, w)`` at several levels, finest first.

    C is 1 or 3. Each level is scaled by a constant, to a standard deviation of 1 on noise. The levels are the last four
    of the backbone that are at least ``smallest`` wide: 1/2 to 1/16 of the size of images of 64 pixels, 1/4 to 1/32
    from 128 pixels on. Coarser features would not constrain what the generator draws between their positions.

    channels, sizes: c and h at each level. The features are differentiable in the images. The weights are buffers, and
    normalisation does not use batch statistics. ``state_dict`` holds random weights, but of pretrained weights only a
    checksum.

    Raises ValueError if timm has no such backbone, if it cannot take images of ``size``, or if its weights are not
    available.
    """

    def __init__(self, name: str, size: int, pretrained: bool, *, smallest: int = 1) -> None:
        super().__init__()
        self.name, self.size, self.pretrained = name, size, pretrained
        model = _load(name, size, pretrained)
        self.checksum = zlib.crc32(b"".join(t.numpy().tobytes() for t in model.state_dict().values()))
        self.backbone = frozen(model, persistent=not pretrained).eval()
        config = model.pretrained_cfg
        mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        self.register_buffer("scale", 0.5 / std, persistent=False)  # from [-1, 1] to the backbone's own range
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
        self.transposed = [x.shape[1] for x in features] != channels  # channels last, as in transformers
        sizes = [x.shape[1 if self.transposed else 2] for x in features]
        self.levels = [level for level, places in enumerate(sizes) if places >= smallest][-LEVELS:]
        if not self.levels:
            raise ValueError(f"backbone {name} has too few positions at {size} pixels; increase discriminator.size")
        self.channels, self.sizes = [channels[n] for n in self.levels], [sizes[n] for n in self.levels]
        # The scale of features differs between backbones by a factor of 100. Spectrally normalised layers keep that
        # scale, but losses with a margin depend on it.
        self.register_buffer("gains", torch.stack([1 / features[n].std() for n in self.levels]))
        self.gains: Tensor

    def forward(self, images: Tensor) -> list[Tensor]:
        if images.shape[-1] != self.size:
            images = F.interpolate(images, (self.size, self.size), mode="bilinear", align_corners=False)
        shown = torch.addcmul(self.shift, images, self.scale)  # one channel broadcasts to three
        # On a CPU, channels last takes two thirds of the time, while bf16 takes half as long again, for the gradient
        # of depthwise convolutions.
        with torch.autocast("cpu", enabled=False):
            features = self.backbone(shown.contiguous(memory_format=torch.channels_last))
        levels = [features[n].permute(0, 3, 1, 2) if self.transposed else features[n] for n in self.levels]
        return [x * gain.to(x.dtype) for x, gain in zip(levels, self.gains, strict=True)]

    def train(self, mode: bool = True) -> Pyramid:
        """Stay in evaluation mode, for any ``mode``."""
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
    """Return timm's network with features as its output."""
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
    except Exception as error:  # timm and downloads raise many types
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
