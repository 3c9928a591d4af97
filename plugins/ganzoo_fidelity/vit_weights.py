"""DINOv2's weights, from a file or from the Hugging Face hub, read without running code in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import timm
import torch
from torch import Tensor

from ganzoo.errors import GanzooError, NetworkMissing
from ganzoo.metrics.extractor import Network
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import user_path
from ganzoo.utils.waiting import waiting

FILE = "model.safetensors"  # in timm's repositories on the hub
TRAINING_ONLY = "mask_token"  # in the authors' own files


def find_weights(model: str, file: str | None, preprocessing: str) -> Network:
    """Return the weights of a timm model, from ``file`` or from the hub's cache; download them first if necessary.

    preprocessing: the preprocessing of an image in words; part of the checksum. Raises NetworkMissing if the weights
    cannot be downloaded, GanzooError if the file does not exist or holds another network.
    """
    if file is None:
        path, source = _download(model)
    else:
        path, source = user_path(file), f"file {Path(file).name}"
        if not path.is_file():
            raise GanzooError(f"metrics.weights={file}: there is no such file")
    return Network(path, identity(load_weights(path, model), preprocessing), sha256_of(path), source)


def load_weights(path: Path, model: str) -> dict[str, Tensor]:
    """Load the float32 state dict of a timm model from a safetensors file or a file that ``torch.save`` wrote.

    Raises GanzooError for other files, and if the names or shapes are not those of the model.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = dict(load_file(path))
        else:
            state = dict(torch.load(path, map_location="cpu", weights_only=True))
        state.pop(TRAINING_ONLY, None)
        shapes = {name: tensor.shape for name, tensor in state.items()}
    except Exception as error:  # each library raises its own classes of errors for invalid files
        raise GanzooError(
            f"{path} does not hold the weights of {model} ({type(error).__name__}); {_remedy(model)}"
        ) from error
    expected = {name: tensor.shape for name, tensor in skeleton(model).state_dict().items()}
    if other := sorted(shapes.keys() ^ expected.keys()):
        raise GanzooError(f"{path} does not hold the weights of {model}: {other[0]} differs; {_remedy(model)}")
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise GanzooError(
                f"{path} does not hold the weights of {model}: {name} is {tuple(shapes[name])}, not {tuple(shape)}; "
                f"{_remedy(model)}"
            )
    return {name: tensor.detach().float() for name, tensor in state.items()}


def identity(state: dict[str, Tensor], preprocessing: str) -> str:
    """Return the SHA-256 of the preprocessing and all weights as float32, in the order of their names."""
    digest = hashlib.sha256(preprocessing.encode())
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def skeleton(model: str, **options: int) -> torch.nn.Module:
    """Return the timm model without its head, on the meta device: its weights take no memory."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network: torch.nn.Module = timm.create_model(model, pretrained=False, num_classes=0, **options)
    return network


def _download(model: str) -> tuple[Path, str]:
    from huggingface_hub import hf_hub_download

    repository = timm.get_pretrained_cfg(model).hf_hub_id
    try:
        with waiting(f"downloading {repository}"):
            return Path(hf_hub_download(repository, FILE)), f"hub {repository}"
    except Exception as error:  # the hub's client raises many classes of errors, also those of its HTTP library
        raise NetworkMissing(f"{model} is missing and cannot be downloaded; {_remedy(model)}") from error


def _remedy(model: str) -> str:
    repository = timm.get_pretrained_cfg(model).hf_hub_id
    return f"get {FILE} of huggingface.co/{repository} and set metrics.weights=FILE"


__all__ = ["find_weights", "identity", "load_weights", "skeleton"]
