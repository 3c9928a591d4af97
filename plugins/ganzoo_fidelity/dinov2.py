"""The extractors of DINOv2 features as in Stein et al. 2023 (arXiv:2306.04675), with timm's vision transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganzoo.distributed.device import has_bf16
from ganzoo.metrics.extractor import Extractor, Mode, Network
from ganzoo_fidelity.precision import precision, takes_tf32
from ganzoo_fidelity.vit_weights import find_weights, load_weights, skeleton

SIZE, PATCH = 224, 14
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESSING = (
    f"resized to {SIZE} x {SIZE}, bicubic and antialiased, rounded to uint8 as by Pillow; scaled to [0, 1]; less mean "
    f"{MEAN}, by deviation {STD}; position embedding resampled bicubically to {SIZE // PATCH} x {SIZE // PATCH}"
)


class Dinov2Extractor(Extractor):
    """The extractor of the feature ``class-token``, which is the class token after the last layer norm.

    ``reference`` resizes with Pillow itself. ``exact`` and ``fast`` resize on the device, which changes a few pixels by
    one or two steps of 255. ``fast``, for curves, computes in bf16 if the device supports it.
    """

    model: ClassVar[str]

    def __init__(self, network: Network, mode: Mode, device: torch.device, features: Sequence[str]) -> None:
        super().__init__(network, mode, device, features)
        state = load_weights(network.path, self.model)
        state["pos_embed"] = resample(state["pos_embed"], SIZE // PATCH)
        vit = skeleton(self.model, img_size=SIZE)
        vit.load_state_dict(state, assign=True)
        self.vit = vit.requires_grad_(False).eval().to(device)
        shape = (1, 3, 1, 1)
        self.mean, self.std = (torch.tensor(values, device=device).view(shape) for values in (MEAN, STD))

    @classmethod
    def find(cls, file: str | None, root: Path) -> Network:
        return find_weights(cls.model, file, PREPROCESSING)

    @classmethod
    def protocol(cls, network: Network, mode: Mode, device: torch.device) -> Mapping[str, Any]:
        import timm
        import torch_fidelity  # computes the KID

        return {
            "network_name": f"timm {cls.model}",
            "preprocessing": PREPROCESSING,
            **({"tf32": takes_tf32(mode, device)} if device.type == "cuda" else {}),
            "timm": timm.__version__,
            "torch_fidelity": torch_fidelity.__version__,
        }

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        bf16 = self.mode == "fast" and has_bf16(self.device)
        context = torch.autocast(self.device.type, torch.bfloat16) if bf16 else nullcontext()
        with torch.inference_mode(), precision(self.mode), context:
            by_pillow = self.mode == "reference"
            resized = resize_with_pillow(images).to(self.device) if by_pillow else resize(images.to(self.device))
            found = self.vit((resized.float() / 255 - self.mean) / self.std)
        return dict.fromkeys(self.features, found.float())


class Dinov2Small(Dinov2Extractor):
    model = "vit_small_patch14_dinov2"


class Dinov2Base(Dinov2Extractor):
    model = "vit_base_patch14_dinov2"


class Dinov2Large(Dinov2Extractor):
    model = "vit_large_patch14_dinov2"


def resize(images: Tensor) -> Tensor:
    """Resize uint8 images ``(N, 1 or 3, H, W)`` to float32 ``(N, 3, 224, 224)`` with whole numbers from 0 to 255.

    Like Pillow, resize rows first, then columns, and round after each.
    """
    resized = images.float()
    for shape in ((images.shape[2], SIZE), (SIZE, SIZE)):
        resized = F.interpolate(resized, shape, mode="bicubic", antialias=True).round().clamp(0, 255)
    return resized.expand(-1, 3, -1, -1)


def resize_with_pillow(images: Tensor) -> Tensor:
    """Resize the images to uint8 ``(N, 3, 224, 224)`` on the CPU with Pillow, which the paper's own code uses."""
    arrays = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
    bicubic = Image.Resampling.BICUBIC
    resized = [np.asarray(Image.fromarray(array).resize((SIZE, SIZE), bicubic)) for array in arrays]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2)


def resample(embedding: Tensor, side: int) -> Tensor:
    """Resample a position embedding ``(1, 1 + n * n, D)`` to ``side`` x ``side`` patches, ``(1, 1 + side * side, D)``.

    The networks were trained on 37 x 37 patches. For images of 224 x 224, DINOv2's own code resamples without
    antialiasing, and with a scale factor for a tenth of a patch more than ``side``; timm would use antialiasing.
    """
    token, patches = embedding[:, :1], embedding[:, 1:]
    trained = round(patches.shape[1] ** 0.5)
    grid = patches.reshape(1, trained, trained, -1).permute(0, 3, 1, 2)
    factor = (side + 0.1) / trained
    grid = F.interpolate(grid, scale_factor=(factor, factor), mode="bicubic")
    return torch.cat([token, grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


__all__ = ["Dinov2Base", "Dinov2Extractor", "Dinov2Large", "Dinov2Small", "resample", "resize", "resize_with_pillow"]
