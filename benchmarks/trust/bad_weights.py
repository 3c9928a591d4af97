"""Registered weights that differ from what their plugin registered, in its package or at a store's address."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from bad_checkpoints import CPU, Code, trained
from cases import Case, zoo

from ganzoo import StoreEntry, WeightsEntry, hookimpl
from ganzoo.plugin.registry import Registry
from ganzoo.runs.load import load_generator
from ganzoo.runs.pack import pack
from ganzoo.runs.store import fetch
from ganzoo.utils.checksum import sha256_of

PACKAGE, FAR = "stranger_weights", "strange://place"
Change = Callable[[WeightsEntry, Path, Path], WeightsEntry]  # of an entry; gets the case's directory and weights too
STORED: list[Path] = []


def fetch_stored(address: str) -> Path:
    """Return the directory at a store's address: the last one in STORED."""
    return STORED[-1]


def feed(change: Change, place: Path) -> str:
    """Pack the weights of a small run, change something, then register and use them."""
    entry = pack(zoo(), trained(), place / PACKAGE, data="discs", licence="MIT")
    (file,) = (place / PACKAGE).rglob("ema.safetensors")
    STORED[:] = [file.parents[2]]
    entry = change(entry, place, file)
    store = StoreEntry(name="strange", summary="A place", target=f"{__name__}:fetch_stored")
    plugin = SimpleNamespace(
        register_weights=hookimpl(lambda register: register(entry)),
        register_stores=hookimpl(lambda register: register(store)),
    )
    registry = Registry.load(strict=False)
    registry.add(lambda: plugin, "stranger", "ganzoo-stranger", "1.0")
    environment = {"GANZOO_DATA": str(place / "data")}
    with patch.dict(os.environ, environment), patch.object(sys, "path", [str(place), *sys.path]):
        found = fetch(registry, "@discs")
        load_generator(registry, found, "latest", CPU).sample(1)
    kept = sorted(path.name for path in (place / "data").rglob("*") if path.is_file())
    return f"used as any other; kept: {', '.join(kept) or 'nothing'}"


def _changed(entry: WeightsEntry, place: Path, file: Path) -> WeightsEntry:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    return entry


def _pickled(entry: WeightsEntry, place: Path, file: Path) -> WeightsEntry:
    file.write_bytes(pickle.dumps(Code(place)))
    return replace(entry, sha256=sha256_of(file))


def _endless(entry: WeightsEntry, place: Path, file: Path) -> WeightsEntry:
    file.unlink()
    file.symlink_to("/dev/zero")
    return entry


def _damaged_index(entry: WeightsEntry, place: Path, file: Path) -> WeightsEntry:
    (place / PACKAGE / "weights/index.json").write_text('[{"name": 1')
    return pack(zoo(), trained(), place / PACKAGE, data="discs")


def _far_and_changed(entry: WeightsEntry, place: Path, file: Path) -> WeightsEntry:
    return replace(_changed(entry, place, file), run=FAR)


def _far_with_more(entry: WeightsEntry, place: Path, file: Path) -> WeightsEntry:
    for beside in (file.with_name("state.pt"), file.with_name("plugin.py"), file.parents[2] / "model.bin"):
        beside.write_bytes(pickle.dumps(Code(place)))
    shutil.copytree(file.parents[2], place / "stored", symlinks=True)
    (place / "stored/config").symlink_to("/etc")
    STORED[:] = [place / "stored"]
    return replace(entry, run=FAR)


def cases() -> list[Case]:
    """Return all cases of this file."""

    def case(what: str, change: Change, says: str = "") -> Case:
        return Case(what, partial(feed, change), says)

    return [
        case("as they were registered", lambda entry, place, file: entry),
        case("one bit changed", _changed, "is not what ganzoo-stranger 1.0 registered (its checksum)"),
        case("a pickle that runs code, with its checksum", _pickled, "cannot read"),
        case("a link to a device that never ends", _endless, "it is not a regular file"),
        case("an index that is cut short", _damaged_index, "index.json is damaged"),
        case("an address that leads to other weights", _far_and_changed, "is not what ganzoo-stranger 1.0 registered"),
        case("an address with pickles and links beside the weights", _far_with_more),
    ]
