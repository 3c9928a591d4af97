"""Checkpoints: each is a directory, complete or absent.

``generator``, ``discriminator`` and ``ema`` are safetensors; ``state.pt`` (optimizers, counters, random state) loads
with ``weights_only=True``. ``meta.json`` holds the checksums of all of them and its own. A checkpoint is written under
a temporary name, flushed to disk, then renamed.
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
BESIDE = re.compile(r"\w[\w.-]*", re.ASCII)  # a valid name of a file next to meta.json
DETAIL = 300  # most characters of a library's message: a file may have thousands of names that do not fit


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk.

    meta: ``shown`` (images), the steps of each network, ``needs`` (plugins), ``picture`` (the image spec) and, if they
    are known, ``class_names``.
    files: the checksum of each other file; empty if an older version, without checksums, wrote it.
    """

    path: Path
    meta: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def kimg(self) -> float:
        return self.meta["shown"] / 1000

    @property
    def image(self) -> ImageSpec | None:
        """The spec of the generator's images; None if an older version did not note it. Raises GanzooError if it is
        damaged."""
        noted = self.meta.get("picture")
        if noted is None:
            return None
        try:
            spec = ImageSpec(**{name: operator.index(value) for name, value in noted.items()})
        except (AttributeError, TypeError) as error:
            raise GanzooError(f"{self.path / 'meta.json'}: picture is damaged; use another checkpoint") from error
        if spec.channels not in (1, 3) or spec.size < 1 or spec.classes < 0:
            raise GanzooError(f"{self.path / 'meta.json'}: picture is {spec}, not valid; use another checkpoint")
        return spec

    @property
    def published(self) -> bool:
        """Whether it holds only the averaged generator, as a published run's checkpoint does."""
        name = "generator.safetensors"
        return name not in self.files and not (self.path / name).exists()

    def check(self) -> None:
        """Raise Damaged, which names the file, if a file is not as written."""
        for name, known in self.files.items():
            file = self.path / name
            try:
                found = sha256_of(file)
            except OSError as error:
                raise Damaged(f"{file} is damaged: {error.strerror}") from error
            if found != known:
                raise Damaged(f"{file} is damaged: its checksum does not match")

    def log(self, name: str) -> list[dict[str, Any]]:
        """Return the records in its copy of a jsonl file; [] if it has no copy."""
        return read_jsonl(self.path / name) if name in self.files else []

    def load_weights(self, name: str, network: nn.Module) -> None:
        """Load a network's weights from ``name``.safetensors. Raises GanzooError if the file is damaged or does not fit
        the network."""
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
        """Return the optimizers' state, counters and random state. Raises GanzooError if the file is damaged."""
        file = self.path / "state.pt"
        try:
            _refuse_packed(regular(file))
            return torch.load(file, weights_only=True, map_location="cpu")
        except pickle.UnpicklingError as error:  # its own text says how to run the file's code
            reason = "it holds objects that could run code"
            raise GanzooError(f"cannot read {file}: {reason}; get the checkpoint from a trusted source") from error
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
    """Write one checkpoint under ``directory``; at any moment it is complete or absent.

    texts: further files by name. copies: files to copy as they are, of any length.
    Raises WriteFailed if the disk refuses, and then leaves nothing behind.
    """
    final = directory / f"{PREFIX}{meta['shown'] / 1000:010.3f}"
    sums: dict[str, str] = {}
    # A checkpoint of the same image count may already exist, because it could not be read: replace it.
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
    """Read a checkpoint's ``meta.json`` only, none of its other files. Raises Damaged if it is missing or damaged."""
    file = path / "meta.json"
    try:
        meta = parse_json(regular(file).read_bytes())
        if not isinstance(meta, dict) or not isinstance(meta.get("shown"), int):
            raise ValueError("it does not state the number of images shown")
        meta = unsealed(meta)
        files = meta.pop(FILES, {})
        if not isinstance(files, dict) or not all(map(BESIDE.fullmatch, files)):
            raise ValueError(f"{FILES} must name files in the same directory")
    except OSError as error:
        raise Damaged(f"{file} is damaged: {error.strerror}") from error
    except ValueError as error:
        raise Damaged(f"{file} is damaged: {error}") from error
    return Checkpoint(path, meta, files)


def checkpoint_paths(directory: Path) -> list[Path]:
    """Return the directories of all checkpoints, oldest first; some may be damaged."""
    return sorted(directory.glob(f"{PREFIX}*"))


def list_checkpoints(directory: Path) -> list[Checkpoint]:
    """Return all complete checkpoints, oldest first."""
    found = []
    for path in checkpoint_paths(directory):
        with suppress(Damaged):
            found.append(read_checkpoint(path))
    return found


def prune_checkpoints(directory: Path, keep: int, best: str | None) -> None:
    """Remove all checkpoints but the newest ``keep`` and the one named ``best``, and remains of interrupted writes."""
    for checkpoint in list_checkpoints(directory)[:-keep]:
        if checkpoint.path.name != best:
            with suppress(OSError):  # the next call tries again
                discard(checkpoint.path)
    for leftover in directory.glob(f".{PREFIX}*.part"):
        shutil.rmtree(leftover, ignore_errors=True)


def set_aside(path: Path) -> None:
    """Rename a checkpoint so that it is no longer used."""
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
    """Write a new file and return its checksum. Raises OSError."""
    digest = sha256()
    with file.open("wb") as stream:
        for part in parts:
            stream.write(part)
            digest.update(part)
    return digest.hexdigest()


def _saved(state: Mapping[str, Any]) -> bytes:
    # In memory first: if torch wrote to the file itself, a disk error would be torch's own exception.
    stream = io.BytesIO()
    torch.save(dict(state), stream)
    return stream.getvalue()


def _refuse_packed(file: Path) -> None:
    """Raise ValueError if the zip is compressed, which torch's never is: decompressing may fill the memory."""
    with zipfile.ZipFile(file) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is compressed, which torch.save never does")


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous CPU tensors that share no memory, as safetensors requires."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


def _second_line(error: BaseException) -> str:
    """Return the second line of a message, which has the detail in PyTorch's messages; the only line if it has one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)][:DETAIL] if lines else type(error).__name__
