"""DINOv2's weights, from a file or from the Hugging Face hub, read without running anything in them."""

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
    """The weights of a model of timm, from ``file`` or from the hub's cache, into which they are downloaded first.

    preprocessing: what is done to an image before the network reads it; part of the checksum. Raises NetworkMissing if
    the hub is not reached, GanzooError for a file that is not there or holds another network.
    """
    if file is None:
        path, source = _download(model)
    else:
        path, source = user_path(file), f"file {Path(file).name}"
        if not path.is_file():
            raise GanzooError(f"metrics.weights={file}: there is no such file")
    return Network(path, identity(load_weights(path, model), preprocessing), sha256_of(path), source)


def load_weights(path: Path, model: str) -> dict[str, Tensor]:
    """A state dict of that model of timm, float32, from a safetensors file or one that ``torch.save`` wrote.

    Raises GanzooError for anything else, and for other names or shapes than the model's.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = dict(load_file(path))
        else:
            state = dict(torch.load(path, map_location="cpu", weights_only=True))
        state.pop(TRAINING_ONLY, None)
        shapes = {name: tensor.shape for name, tensor in state.items()}
    except Exception as error:  # each library raises classes of its own for a file that is wrong
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
    """SHA-256 over the preprocessing and all numbers as float32, in the order of their names."""
    digest = hashlib.sha256(preprocessing.encode())
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def skeleton(model: str, **options: int) -> torch.nn.Module:
    """The model of timm without its head and without memory behind its weights."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network: torch.nn.Module = timm.create_model(model, pretrained=False, num_classes=0, **options)
    return network


def _download(model: str) -> tuple[Path, str]:
    from huggingface_hub import hf_hub_download

    repository = timm.get_pretrained_cfg(model).hf_hub_id
    try:
        with waiting(f"downloading {repository}"):
            return Path(hf_hub_download(repository, FILE)), f"hub {repository}"
    except Exception as error:  # the hub's client has many classes of errors, and lets those of its network through
        raise NetworkMissing(f"{model} is missing and cannot be downloaded; {_remedy(model)}") from error


def _remedy(model: str) -> str:
    repository = timm.get_pretrained_cfg(model).hf_hub_id
    return f"get {FILE} of huggingface.co/{repository} and set metrics.weights=FILE"


__all__ = ["find_weights", "identity", "load_weights", "skeleton"]
