"""Checkpoints: a directory each, complete or absent.

``generator``, ``discriminator`` and ``ema`` are safetensors; ``state.pt`` (optimizers, counters, random
state) loads with ``weights_only=True``. ``meta.json`` holds the checksums of all of them and its own. Written under a
temporary name, flushed to disk, then renamed.
"""

from __future__ import annotations

import io
import json
import operator
import pickle
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ganzoo.entries import ImageSpec
from ganzoo.errors import Damaged, GanzooError
from ganzoo.utils.checksum import sealed, sha256_of, unsealed
from ganzoo.utils.files import discard, read_jsonl, regular, whole_directory, writing
from ganzoo.utils.safe_yaml import parse_json

PREFIX = "kimg"
FILES = "files"
ASIDE = "damaged-"
BESIDE = re.compile(r"\w[\w.-]*", re.ASCII)  # what a file in a checkpoint can be called
DETAIL = 300  # characters of another's message: a file may have thousands of names that do not fit


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk.

    ``meta`` holds ``shown`` (images), the steps of each network, ``needs`` (plugins), ``picture`` (its spec) and, if
    they are known, ``class_names``.
    files: checksum of each of its other files; empty where an older version noted none.
    """

    path: Path
    meta: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def kimg(self) -> float:
        return self.meta["shown"] / 1000

    @property
    def image(self) -> ImageSpec | None:
        """What its generator makes; None where an older version did not note it. Raises GanzooError where damaged."""
        noted = self.meta.get("picture")
        if noted is None:
            return None
        try:
            spec = ImageSpec(**{name: operator.index(value) for name, value in noted.items()})
        except (AttributeError, TypeError) as error:
            raise GanzooError(f"{self.path / 'meta.json'}: picture is damaged; use another checkpoint") from error
        if spec.channels not in (1, 3) or spec.size < 1 or spec.classes < 0:
            raise GanzooError(f"{self.path / 'meta.json'}: there are no images of {spec}; use another checkpoint")
        return spec

    @property
    def published(self) -> bool:
        """Whether it holds the averaged generator alone, as that of a published run does."""
        name = "generator.safetensors"
        return name not in self.files and not (self.path / name).exists()

    def check(self) -> None:
        """Raises Damaged, which names the file, where one is not what was written."""
        for name, known in self.files.items():
            file = self.path / name
            try:
                found = sha256_of(file)
            except OSError as error:
                raise Damaged(f"{file} is damaged: {error.strerror}") from error
            if found != known:
                raise Damaged(f"{file} is damaged: its checksum does not match")

    def log(self, name: str) -> list[dict[str, Any]]:
        """Its copy of a file of lines; empty where it has none."""
        return read_jsonl(self.path / name) if name in self.files else []

    def load_weights(self, name: str, network: nn.Module) -> None:
        """Fill a network from ``name``.safetensors. Raises GanzooError where file and network do not fit."""
        file = self.path / f"{name}.safetensors"
        try:
            network.load_state_dict(load_file(regular(file)))
        except (OSError, SafetensorError) as error:
            raise GanzooError(
                f"cannot read {file}: {getattr(error, 'strerror', None) or error}; use an older checkpoint"
            ) from error
        except RuntimeError as error:
            raise GanzooError(f"{file} does not fit this configuration: {_second_line(error)}") from error

    def load_state(self) -> dict[str, Any]:
        """Optimizers, counters, random state. Raises GanzooError where the file is damaged."""
        file = self.path / "state.pt"
        try:
            _refuse_packed(regular(file))
            return torch.load(file, weights_only=True, map_location="cpu")
        except pickle.UnpicklingError as error:  # whose own text says how to run what is in it
            reason = "it holds objects that could run code"
            raise GanzooError(f"cannot read {file}: {reason}; use a checkpoint from elsewhere") from error
        except Exception as error:
            raise GanzooError(f"cannot read {file}: {_second_line(error)}; use an older checkpoint") from error


def write_checkpoint(
    directory: Path,
    meta: Mapping[str, Any],
    networks: Mapping[str, nn.Module],
    state: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
    copies: Iterable[Path] = (),
) -> Checkpoint:
    """Write one checkpoint under ``directory``; at any moment it is there whole or not at all.

    texts: further files by name; copies: of files as they are, however long.
    Raises WriteFailed where the disk refuses, and leaves nothing behind then.
    """
    final = directory / f"{PREFIX}{meta['shown'] / 1000:010.3f}"
    sums: dict[str, str] = {}
    # It replaces one that came by the same count before and could not be read.
    with writing(final), whole_directory(final, replace=True) as partial:
        for name, network in networks.items():
            sums[f"{name}.safetensors"] = _write(partial / f"{name}.safetensors", save(_plain(network.state_dict())))
        sums["state.pt"] = _write(partial / "state.pt", _saved(state))
        for name, text in (texts or {}).items():
            sums[name] = _write(partial / name, text.encode())
        for file in copies:
            sums[file.name] = _copy(file, partial / file.name)
        _write(partial / "meta.json", json.dumps(sealed({**meta, FILES: sums}), indent=1).encode())
    return Checkpoint(final, dict(meta), sums)


def read_checkpoint(path: Path) -> Checkpoint:
    """What ``meta.json`` says of one; the other files are not looked at. Raises Damaged where it is not whole."""
    file = path / "meta.json"
    try:
        meta = parse_json(regular(file).read_bytes())
        if not isinstance(meta, dict) or not isinstance(meta.get("shown"), int):
            raise ValueError("it does not state the number of images shown")
        meta = unsealed(meta)
        files = meta.pop(FILES, {})
        if not isinstance(files, dict) or not all(map(BESIDE.fullmatch, files)):
            raise ValueError(f"{FILES} are no files beside it")
    except OSError as error:
        raise Damaged(f"{file} is damaged: {error.strerror}") from error
    except ValueError as error:
        raise Damaged(f"{file} is damaged: {error}") from error
    return Checkpoint(path, meta, files)


def checkpoint_paths(directory: Path) -> list[Path]:
    """Where checkpoints lie, oldest first; some may be damaged."""
    return sorted(directory.glob(f"{PREFIX}*"))


def list_checkpoints(directory: Path) -> list[Checkpoint]:
    """All complete checkpoints, oldest first."""
    found = []
    for path in checkpoint_paths(directory):
        with suppress(Damaged):
            found.append(read_checkpoint(path))
    return found


def prune_checkpoints(directory: Path, keep: int, best: str | None) -> None:
    """Remove all but the newest ``keep``, the one named ``best``, and what an interrupted writing left."""
    for checkpoint in list_checkpoints(directory)[:-keep]:
        if checkpoint.path.name != best:
            with suppress(OSError):  # it will be old the next time, too
                discard(checkpoint.path)
    for leftover in directory.glob(f".{PREFIX}*.part"):
        shutil.rmtree(leftover, ignore_errors=True)


def set_aside(path: Path) -> None:
    """Keep a checkpoint out of the way of those that are used."""
    aside = path.with_name(f"{ASIDE}{path.name}")
    shutil.rmtree(aside, ignore_errors=True)
    with writing(path):
        path.rename(aside)


def _write(file: Path, content: bytes) -> str:
    return _write_parts(file, (content,))


def _copy(source: Path, file: Path) -> str:
    with source.open("rb") as stream:
        return _write_parts(file, iter(lambda: stream.read(2**20), b""))


def _write_parts(file: Path, parts: Iterable[bytes]) -> str:
    """Write a new file; its checksum. Raises OSError."""
    digest = sha256()
    with file.open("wb") as stream:
        for part in parts:
            stream.write(part)
            digest.update(part)
    return digest.hexdigest()


def _saved(state: Mapping[str, Any]) -> bytes:
    # In memory first: written straight to a file, what the disk refuses comes back in torch's own words.
    stream = io.BytesIO()
    torch.save(dict(state), stream)
    return stream.getvalue()


def _refuse_packed(file: Path) -> None:
    """A zip as torch writes it, stored as it is. Raises ValueError for others: what is packed may fill the memory."""
    with zipfile.ZipFile(file) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is compressed, which torch.save never does")


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous CPU tensors that share no memory, as safetensors wants them."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


def _second_line(error: BaseException) -> str:
    """PyTorch's messages carry the detail in their second line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)][:DETAIL] if lines else type(error).__name__
