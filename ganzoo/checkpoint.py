"""Checkpoints: a folder each, complete or absent.

``generator``, ``discriminator`` and ``ema`` are safetensors; ``state.pt`` (optimizers, counters, random
state) loads with ``weights_only=True``. Written under a temporary name, flushed to disk, then renamed.
"""

from __future__ import annotations

import json
import operator
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganzoo.entries import PictureSpec
from ganzoo.errors import GanzooError

PREFIX = "kimg"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk.

    ``meta`` holds ``shown`` (pictures), the steps of each network, ``needs`` (plugins) and ``picture`` (its spec).
    """

    path: Path
    meta: Mapping[str, Any]

    @property
    def kimg(self) -> float:
        return self.meta["shown"] / 1000

    @property
    def picture(self) -> PictureSpec | None:
        """What its generator makes; None where an older version did not note it. Raises GanzooError where damaged."""
        noted = self.meta.get("picture")
        if noted is None:
            return None
        try:
            spec = PictureSpec(**{name: operator.index(value) for name, value in noted.items()})
        except (AttributeError, TypeError) as error:
            raise GanzooError(f"{self.path / 'meta.json'}: picture is damaged; use another checkpoint") from error
        if spec.channels not in (1, 3) or spec.size < 1 or spec.classes < 0:
            raise GanzooError(f"{self.path / 'meta.json'}: there are no pictures of {spec}; use another checkpoint")
        return spec

    def load_weights(self, name: str, network: nn.Module) -> None:
        """Fill a network from ``name``.safetensors. Raises GanzooError where file and network do not fit."""
        file = self.path / f"{name}.safetensors"
        try:
            network.load_state_dict(load_file(file))
        except (OSError, SafetensorError) as error:
            raise GanzooError(f"cannot read {file}: {error}; use an older checkpoint") from error
        except RuntimeError as error:
            raise GanzooError(f"{file} does not fit this configuration: {_second_line(error)}") from error

    def load_state(self) -> dict[str, Any]:
        """Optimizers, counters, random state. Raises GanzooError where the file is damaged."""
        try:
            return torch.load(self.path / "state.pt", weights_only=True, map_location="cpu")
        except Exception as error:
            raise GanzooError(f"cannot read {self.path / 'state.pt'}: {_second_line(error)}") from error


def write_checkpoint(
    folder: Path, meta: Mapping[str, Any], networks: Mapping[str, nn.Module], state: Mapping[str, Any]
) -> Checkpoint:
    """Write one checkpoint under ``folder``; at any moment it is there whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{PREFIX}{meta['shown'] / 1000:010.3f}"
    partial = folder / f".{final.name}.{os.getpid()}.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name, network in networks.items():
        save_file(_plain(network.state_dict()), partial / f"{name}.safetensors")
    torch.save(dict(state), partial / "state.pt")
    (partial / "meta.json").write_text(json.dumps(dict(meta), indent=1))
    for file in partial.iterdir():
        _flush(file)
    _flush(partial)
    if final.exists():  # only a resumed run comes by the same count again, with the same weights
        shutil.rmtree(final)
    partial.rename(final)
    _flush(folder)
    return Checkpoint(final, dict(meta))


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """All complete checkpoints, oldest first."""
    found = []
    for path in sorted(folder.glob(f"{PREFIX}*")):
        try:
            meta = json.loads((path / "meta.json").read_text())
        except (OSError, ValueError):
            continue
        if isinstance(meta, dict) and isinstance(meta.get("shown"), int):
            found.append(Checkpoint(path, meta))
    return found


def prune_checkpoints(folder: Path, keep: int, best: str | None) -> None:
    """Remove all but the newest ``keep``, the one named ``best``, and what an interrupted writing left."""
    for checkpoint in list_checkpoints(folder)[:-keep]:
        if checkpoint.path.name != best:
            shutil.rmtree(checkpoint.path)
    for leftover in folder.glob(f".{PREFIX}*.part"):
        shutil.rmtree(leftover, ignore_errors=True)


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous CPU tensors that share no memory, as safetensors wants them."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _second_line(error: BaseException) -> str:
    """PyTorch's messages carry the detail in their second line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)] if lines else type(error).__name__
