"""Run directories and checkpoints from a stranger. The checksums are correct wherever a stranger can write them."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from cases import EXECUTED, Case, zoo
from rich.console import Console
from safetensors.torch import save

from ganzoo.api import load
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.runs.checkpoint import FILES
from ganzoo.runs.load import load_generator
from ganzoo.training import run
from ganzoo.training.callbacks import Hooks
from ganzoo.utils.checksum import sealed, sha256_of
from ganzoo_fidelity.network import find_network

CPU = torch.device("cpu")
SETTINGS = [
    "generator.width=16", "generator.layers=1", "discriminator.width=16", "discriminator.layers=1",
    "loop.batch=8", "loop.kimg=0.032", "loop.keep=1", "loop.device=cpu", "metrics.names=[]",
]  # fmt: skip
Change = Callable[[Path, Path], object]  # changes a run's directory and its checkpoint


class Code:
    """An object that creates the file EXECUTED in ``place`` when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.place / EXECUTED,))


@cache
def trained() -> Path:
    """Return the directory of a small finished run. It is made once, and removed when the process ends."""
    directory = Path(_KEPT.name) / "run"
    config = resolve(zoo(), "mlp+minimax", None, [*SETTINGS, f"data.root={directory.parent / 'root'}"])
    run.start(config, Display(Console(quiet=True)), Hooks(zoo()), out=directory)
    return directory


_KEPT = tempfile.TemporaryDirectory(prefix="ganzoo-inputs-run-")


def feed(change: Change, use: Callable[[Path], object], place: Path) -> str:
    """Copy the run, change the copy, and use it. The change corrects the checksums itself."""
    directory = place / "run"
    shutil.copytree(trained(), directory)
    (checkpoint,) = (directory / "checkpoints").iterdir()
    change(directory, checkpoint)
    use(directory)
    return "used as any other"


def sample(directory: Path) -> None:
    load_generator(zoo(), directory, "latest", CPU)


def resume(directory: Path) -> None:
    load(directory).resume(callbacks=[Display(Console(quiet=True))], heed_signals=True)


def reseal(checkpoint: Path, **changes: Any) -> None:
    """Write correct checksums to ``meta.json``. changes: further fields to change."""
    file = checkpoint / "meta.json"
    meta = json.loads(file.read_text())
    meta.pop("digest", None)
    meta[FILES] = {name: sha256_of(checkpoint / name) for name in meta[FILES]}
    file.write_text(json.dumps(sealed({**meta, **changes})))


def change_meta(changes: dict[str, Any], directory: Path, checkpoint: Path) -> None:
    reseal(checkpoint, **changes)


def _weights(content: bytes | Callable[[Path], bytes], directory: Path, checkpoint: Path) -> None:
    """Replace the EMA generator's file. content: its bytes, or a function that makes them for the case's directory."""
    made = content if isinstance(content, bytes) else content(directory.parent)
    (checkpoint / "ema.safetensors").write_bytes(made)
    reseal(checkpoint)


def _special(make: Callable[[Path], object], directory: Path, checkpoint: Path) -> None:
    """Replace the weights by a special file. The checkpoint then has no checksums, as in older versions."""
    (checkpoint / "ema.safetensors").unlink()
    make(checkpoint / "ema.safetensors")
    _reseal_without(checkpoint)


def _reseal_without(checkpoint: Path) -> None:
    file = checkpoint / "meta.json"
    meta = {name: value for name, value in json.loads(file.read_text()).items() if name not in ("digest", FILES)}
    file.write_text(json.dumps(meta))


def _header(said: dict[str, Any], length: int | None = None) -> bytes:
    """Return a safetensors file with this header and eight bytes of numbers. length: of the header, as claimed."""
    header = json.dumps(said).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + bytes(8)


def _tensor(shape: list[int], end: int) -> bytes:
    return _header({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}})


def _pickled(place: Path) -> bytes:
    return pickle.dumps(Code(place))


def _torch_saved(place: Path) -> bytes:
    stream = io.BytesIO()
    torch.save({"rng": Code(place)}, stream, pickle_module=pickle)
    return stream.getvalue()


def _state(change: Callable[[dict[str, Any]], object], directory: Path, checkpoint: Path) -> None:
    """Change the training state in ``state.pt``."""
    state = torch.load(checkpoint / "state.pt", weights_only=True)
    change(state)
    torch.save(state, checkpoint / "state.pt")
    reseal(checkpoint)


def _state_file(make: Callable[[Path], bytes], directory: Path, checkpoint: Path) -> None:
    (checkpoint / "state.pt").write_bytes(make(directory.parent))
    reseal(checkpoint)


def _packed(directory: Path, checkpoint: Path) -> None:
    """Write the same state as a compressed zip. A small compressed file can expand to gigabytes."""
    file = checkpoint / "state.pt"
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    reseal(checkpoint)


def _oversized(state: dict[str, Any]) -> None:
    moments = next(iter(state["optimizer_g"]["state"].values()))
    moments["exp_avg"] = torch.zeros(1).expand(2**40)


def change_config(old: str, new: str, directory: Path, checkpoint: Path) -> None:
    """Replace ``old`` by ``new`` in ``config.yaml`` and remove its checksum, as a user who edits it may do."""
    text = directory.joinpath("config.yaml").read_text().partition("\n")[2]
    assert old in text
    directory.joinpath("config.yaml").write_text(text.replace(old, new, 1))


def _begun_elsewhere(directory: Path, checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)
    for file in ("log.jsonl", "scores.jsonl"):
        (directory / file).unlink(missing_ok=True)
    provenance = json.loads((directory / "provenance.json").read_text())
    provenance.pop("digest", None)
    (directory / "provenance.json").write_text(json.dumps({**provenance, "init_from": "/etc"}))


class Writing(torch.nn.Module):
    """A module that writes a file in the current directory while TorchScript loads it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    @torch.jit.export
    def __getstate__(self):
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = state[0]
        self.training = state[1]
        torch.save(state[0], "executed")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def _torchscript(place: Path) -> str:
    """Use a :class:`Writing` module as the FID network."""
    file, before = place / "inception.pt", Path.cwd()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.script(Writing()).save(str(file))
    (place / EXECUTED).unlink(missing_ok=True)
    os.chdir(place)
    try:
        find_network(str(file), place / "root")
    finally:
        os.chdir(before)
    return "read"


def _pickled_network(place: Path) -> str:
    file = place / "inception.pth"
    file.write_bytes(_torch_saved(place))
    find_network(str(file), place / "root")
    return "read"


def cases() -> list[Case]:
    """Return all cases of this file."""

    def case(what: str, change: Change, says: str, use: Callable[[Path], object] = sample) -> Case:
        return Case(what, partial(feed, change, use), says)

    def weights(what: str, content: bytes | Callable[[Path], bytes], says: str = "ema.safetensors: ") -> Case:
        return case(f"weights: {what}", partial(_weights, content), says)

    def state(what: str, change: Change, says: str) -> Case:
        return case(f"state: {what}", change, says, resume)

    def config(what: str, old: str, new: str, says: str) -> Case:
        return case(f"config: {what}", partial(change_config, old, new), says)

    foreign = {f"\x1b[31m{number}": torch.zeros(1) for number in range(10_000)}
    return [
        weights("a pickle that runs code", _pickled),
        weights("a file of torch.save that runs code", _torch_saved),
        weights("text", b"no weights"),
        weights("a header of 2⁶⁰ bytes", _header({}, 2**60)),
        weights("a header of JSON nested 100,000 deep", struct.pack("<Q", 200_000) + b"[" * 100_000 + b"]" * 100_000),
        weights("a tensor of 4 TiB in 8 bytes", _tensor([2**40], 2**42)),
        weights("a tensor of 2⁶³ numbers", _tensor([2**63], 8)),
        weights("a tensor that begins after its end", _tensor([2], -8)),
        weights("10,000 foreign tensors, their names with a terminal's escape", save(foreign), "does not fit this"),
        case("weights: a pipe", partial(_special, os.mkfifo), "ema.safetensors: it is not a regular file"),
        case(
            "weights: a link to /dev/zero",
            partial(_special, lambda file: file.symlink_to("/dev/zero")),
            "it is not a regular file",
        ),
        state("a pickle that runs code, as torch.save writes it", partial(_state_file, _torch_saved), "cannot read"),
        state("a bare pickle that runs code", partial(_state_file, _pickled), "state.pt: File is not a zip file"),
        state("packed, as it could hold gigabytes", _packed, "state.pt: it is compressed, which torch.save never does"),
        state(
            "moments of 2⁴⁰ numbers over one", partial(_state, _oversized), "state.pt does not fit this configuration"
        ),
        state("without the optimizers", partial(_state, dict.clear), "state.pt does not fit this configuration"),
        state(
            "counters that are not numbers",
            partial(_state, lambda state: state.update(counters={"shown": "all"})),
            "state.pt does not fit this configuration: shown is 'all'",
        ),
        state(
            "foreign counters", partial(_state, lambda state: state.update(counters={"evil": 1})), "unexpected keyword"
        ),
        state(
            "random state that is noise",
            partial(_state, lambda state: state.update(rng=torch.zeros(3))),
            "state.pt does not fit this configuration",
        ),
        case(
            "meta.json: checksums of files elsewhere",
            partial(change_meta, {FILES: {"../../../evil": "00"}}),
            "meta.json is damaged",
        ),
        case(
            "meta.json: images of 2²⁰ by 2²⁰",
            partial(change_meta, {"picture": {"channels": 3, "size": 2**20, "classes": 0}}),
            "mlp: cannot build the generator of 1048576x1048576 images",
        ),
        case(
            "meta.json: changes of settings that are none",
            partial(change_meta, {"changes": [1, {"kimg": "x"}, {"kimg": 1, "settings": {"loop.kimg": 2}}]}),
            "",
            resume,
        ),
        case(
            "meta.json: a shown that is text",
            partial(change_meta, {"shown": "all"}),
            "does not state the number of images shown",
        ),
        config(
            "a tag of YAML that runs code",
            "seed: 0",
            f"seed: !!python/object/apply:os.mkdir [{EXECUTED}]",
            "config.yaml",
        ),
        config("a resolver that reads the environment", "split: train", "split: ${oc.env:HOME}", "resolver"),
        config("a generator of 10¹² wide", "width: 16", f"width: {10**12}", "mlp: cannot build the generator"),
        case("provenance: began with weights in /etc", _begun_elsewhere, "/etc/meta.json is damaged", resume),
        Case(
            "FID network: TorchScript that writes a file when it is read",
            _torchscript,
            "inception.pt is a TorchScript file",
        ),
        Case(
            "FID network: a pickle that runs code", _pickled_network, "inception.pth is not the FID Inception network"
        ),
    ]
