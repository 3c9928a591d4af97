"""A stranger's run directories, records and current directory that name plugins or link to other places.

Plugins are code. None is imported or installed because a configuration, a checkpoint, a record or a directory names it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bad_checkpoints import Change, Code, change_config, feed, reseal, resume, sample
from cases import EXECUTED, Case, zoo
from PIL import Image
from rich.console import Console

from ganzoo.api import load
from ganzoo.bench.verify import verify
from ganzoo.cli.clean import caches, old_checkpoints
from ganzoo.console.display import Display
from ganzoo.console.messages import Messages, showing
from ganzoo.runs.overview import look_through
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.checksum import sealed, sha256_of
from ganzoo.utils.files import append_text, write_text
from ganzoo.utils.lock import alone_in
from ganzoo.utils.subprocess import interpreter
from ganzoo_hub.publish import write_publication
from ganzoo_report.analysis.run import look_or_say_why
from ganzoo_report.write import write_report

RECORD = Path(__file__).parents[1] / "results" / "older" / "fashion-cpu-10min" / "fashion-mnist--dcgan+minimax--s0.json"
MODULES = ("torch", "numpy", "yaml", "click", "pluggy", "sitecustomize", "evil")
SECRET = "what must stay"  # noqa: S105


def write_hostile(file: Path, place: Path) -> None:
    """Write a module that creates the file EXECUTED in ``place`` when it is imported."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"import pathlib\npathlib.Path({str(place / EXECUTED)!r}).touch()\n")


def _named_file(directory: Path, checkpoint: Path) -> None:
    """Name a loss of a plugin's file. The file is in the run's directory, and a copy where Python looks for modules."""
    write_hostile(directory / "plugins/evil.py", directory.parent)
    write_hostile(directory.parent / "evil.py", directory.parent)
    change_config("+minimax", "+evil", directory, checkpoint)
    _needs("evil.py", "sha256:0123456789ab", directory, checkpoint)


def _named_in_config(directory: Path, checkpoint: Path) -> None:
    """Do the same, but do not list the plugin among the needed ones."""
    _named_file(directory, checkpoint)
    reseal(checkpoint, needs=[])


def _needs(distribution: str, version: str, directory: Path, checkpoint: Path) -> None:
    need = {"kind": "loss", "name": "evil", "distribution": distribution, "version": version}
    reseal(checkpoint, needs=[need])


def _evaluate(directory: Path) -> None:
    load(directory).evaluate(callbacks=[Display(Console(quiet=True))])


def _push(directory: Path) -> None:
    write_publication(zoo(), directory, "latest", "hf://a/b", directory.parent / "card")


def _report(directory: Path) -> None:
    """Write a report, which needs no plugin. Raises AssertionError unless the analysis is skipped for that reason."""
    shutil.rmtree(directory / "closer", ignore_errors=True)
    told: list[str] = []
    with showing(Messages(told.append, told.append)):
        look_or_say_why(zoo(), directory)
    write_report(RunDir.open(directory))
    if not any("which was not loaded" in line for line in told):
        raise AssertionError(f"told: {told}")


@contextlib.contextmanager
def _path_of(place: Path) -> Iterator[None]:
    """Put a stranger's directory on the module search path, where the current directory often is."""
    sys.path.insert(0, str(place))
    try:
        yield
    finally:
        sys.path.remove(str(place))


def _feed(change: Change, use: Callable[[Path], object], place: Path) -> str:
    with _path_of(place):
        return feed(change, use, place)


def _in_hostile_directory(start: Callable[[], list[str]], place: Path) -> str:
    """Run a command in a directory full of hostile modules, with a distribution that claims to have plugins."""
    for module in MODULES:
        write_hostile(place / f"{module}.py", place)
    (place / "evil-1.0.dist-info").mkdir()
    (place / "evil-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (place / "evil-1.0.dist-info/entry_points.txt").write_text("[ganzoo]\nevil = evil\n")
    before = Path.cwd()
    os.chdir(place)
    try:
        done = subprocess.run([*start(), "list"], capture_output=True, text=True)
    finally:
        os.chdir(before)
    if done.returncode or "evil" in done.stdout:
        raise AssertionError(done.stdout + done.stderr)
    return "nothing of it was imported"


def _command() -> list[str]:
    """Return the command that starts ganzoo as pip's script does."""
    script = Path("ganzoo-command")
    script.mkdir()
    (script / "ganzoo").write_text("from ganzoo.cli.main import main\nmain()\n")
    return [sys.executable, str(script / "ganzoo")]


def _job() -> list[str]:
    """Return the command with which a benchmark starts its jobs, and ``--devices`` its processes."""
    return [*interpreter(), "-m", "ganzoo"]


def _verified(changes: dict[str, Any], place: Path, weights: bytes | None = None) -> str:
    """Verify a record of the repository after these changes, with a correct checksum. Return the result's text."""
    content = {name: value for name, value in json.loads(RECORD.read_text()).items() if name != "digest"}
    if weights is not None:
        (place / "weights.safetensors").write_bytes(weights)
        told = {
            "sha256": sha256_of(place / "weights.safetensors"),
            "bytes": len(weights),
            "file": "weights.safetensors",
        }
        content["weights"] = told
    (place / "record.json").write_text(json.dumps(sealed({**content, **changes})))
    with _path_of(place):
        return verify(place / "record.json", zoo(), device="cpu", root=place / "root").text


def _named_in_record(place: Path) -> str:
    write_hostile(place / "evil.py", place)
    content = json.loads(RECORD.read_text())
    config = {**content["config"], "recipe": "dcgan+evil"}
    plugins = {"evil.py": "sha256:0123456789ab"}
    return _verified({"config": config, "plugins": plugins}, place, b"no weights")


def _pickled(place: Path) -> str:
    config = {**json.loads(RECORD.read_text())["config"]}
    config["data"] = {**config["data"], "name": "fashion-10k"}
    return _verified({"config": config}, place, pickle.dumps(Code(place)))


def _victim(place: Path) -> Path:
    file = place / "victim"
    file.write_text(SECRET)
    return file


def _write_through(link: str, write: Callable[[Path], object], place: Path) -> str:
    """Write to a run's directory where ``link`` leads to another file. Raises AssertionError if that file changes."""
    victim, directory = _victim(place), place / "run"
    directory.mkdir()
    (directory / link).symlink_to(victim)
    try:
        write(directory)
    finally:
        if victim.read_text() != SECRET:
            raise AssertionError(f"{link} led to another file, which was written")
    return "what it led to is as it was"


def _lock(directory: Path) -> None:
    with alone_in(directory):
        pass


def _closer(directory: Path, checkpoint: Path) -> None:
    """Replace the directory of the generator's analysis by a link to somebody's images."""
    (directory.parent / "images").mkdir()
    (directory.parent / "images/mine.png").write_text(SECRET)
    shutil.rmtree(directory / "closer", ignore_errors=True)
    (directory / "closer").symlink_to(directory.parent / "images")


def _look(directory: Path) -> None:
    look_or_say_why(zoo(), directory)
    images = directory.parent / "images"
    if not (images / "between.png").is_file() or (images / "mine.png").read_text() != SECRET:
        raise AssertionError("it took no look, or took an image away")


def _bomb(directory: Path, checkpoint: Path) -> None:
    """Replace the grid of samples by a decompression bomb, and the real images by a pipe."""
    (grid,) = (directory / "samples").glob("kimg000000.032.png")
    Image.new("1", (20000, 10000)).save(grid)
    (directory / "verdicts/real.png").unlink(missing_ok=True)
    os.mkfifo(directory / "verdicts/real.png")


def _listed(directory: Path, checkpoint: Path) -> None:
    """Replace log and lock by pipes and the score by a deeply nested list, and put a terminal escape into a name."""
    change_config("name: fashion-10k", 'name: "\\e[2Jx"', directory, checkpoint)
    for name in ("log.jsonl", "lock"):
        (directory / name).unlink(missing_ok=True)
        os.mkfifo(directory / name)
    (directory / "score.json").write_text("[" * 100_000)


def _list(directory: Path) -> None:
    """Do what `ganzoo runs` does, and `ganzoo clean` without --yes."""
    (row,) = look_through(directory.parent).rows
    if row.values:  # the kimg is that of the checkpoint's name
        raise AssertionError(f"read: {row}")
    list(old_checkpoints(RunDir(directory)))


def _cache_elsewhere(place: Path) -> str:
    """Link a cache's name to somebody's files, and give a foreign archive a name like that of cached features."""
    (place / "mine").mkdir()
    (place / "mine/meta.json").write_text(json.dumps(sealed({"key": "0" * 64, "sums": {}})))
    (place / "cache").mkdir()
    (place / "cache" / ("0" * 32)).symlink_to(place / "mine")
    (place / "statistics").mkdir()
    (place / "statistics/mine-train-1x1x28x28-x.npz").write_bytes(b"PK" + b"\0" * 99)
    found = list(caches(place))
    if found:
        raise AssertionError(f"it would remove {found}")
    return "it stays"


def cases() -> list[Case]:
    """Return all cases of this file."""

    def case(what: str, change: Change, says: str, use: Callable[[Path], object] = sample) -> Case:
        return Case(what, partial(_feed, change, use), says)

    def config(what: str, old: str, new: str, says: str) -> Case:
        return case(f"config: {what}", partial(change_config, old, new), says)

    not_loaded = "evil.py sha256:0123456789ab, which was not loaded: read it, then add --plugin"
    return [
        config("a plugin's file", "seed: 0", "seed: 0\nplugins: [evil.py]", "unknown key 'plugins'"),
        config("a directory of plugins", "seed: 0", "seed: 0\nplugins_dir: .", "unknown key 'plugins_dir'"),
        config("a class as the loss", "+minimax", "+evil:Loss", "unknown loss 'evil:Loss'"),
        config("a file as the loss", "+minimax", "+plugins/evil.py", "plugins/evil.py"),
        config("a module as the data set", "name: fashion-10k", "name: evil:x", "unknown dataset 'evil'"),
        case("config: a loss of a plugin in its directory, sample", _named_in_config, "unknown loss 'evil'"),
        case("checkpoint: a loss of a plugin in its directory, sample", _named_file, not_loaded),
        case("checkpoint: a loss of a plugin in its directory, resume", _named_file, not_loaded, resume),
        case("checkpoint: a loss of a plugin in its directory, eval", _named_file, not_loaded, _evaluate),
        case("checkpoint: a loss of a plugin in its directory, push", _named_file, not_loaded, _push),
        case("checkpoint: a loss of a plugin in its directory, report", _named_file, "", _report),
        case(
            "checkpoint: a loss of a distribution",
            partial(_needs, "evil", "1.0"),
            "which is not installed: pip install",
        ),
        case(
            "checkpoint: a distribution whose name is a command",
            partial(_needs, "evil; touch executed", "1.0"),
            "evil; touch executed 1.0, which was not loaded: name that file with --plugin",
        ),
        Case(
            "record: a loss of a plugin beside it, bench verify", _named_in_record, "record.json: unknown loss 'evil'"
        ),
        Case(
            "record: weights that are a pickle, bench verify",
            _pickled,
            "weights.safetensors does not fit dcgan+minimax",
        ),
        case(
            "run: samples that are a bomb, real images that are a pipe, report",
            _bomb,
            "",
            lambda run: write_report(RunDir(run)),
        ),
        Case(
            "record: without the protocol",
            partial(_verified, {"protocol": {}}, weights=b""),
            "its protocol lacks fingerprint",
        ),
        Case("current directory: modules and a distribution in it, ganzoo", partial(_in_hostile_directory, _command)),
        Case("current directory: modules and a distribution in it, a job", partial(_in_hostile_directory, _job)),
        Case(
            "link: a run's lock that leads to a file elsewhere",
            partial(_write_through, "lock", _lock),
            "cannot write PLACE/run/lock: Too many levels of symbolic links",
        ),
        Case(
            "link: a run's log that does",
            partial(_write_through, "log.jsonl", lambda run: append_text(run / "log.jsonl", "{}")),
            "cannot write PLACE/run/log.jsonl: Too many levels of symbolic links",
        ),
        Case(
            "link: a run's report that does",
            partial(_write_through, "report.html", lambda run: write_text(run / "report.html", "")),
        ),
        case("run: a log and a lock that are pipes, a score nested deeply, runs and clean", _listed, "", _list),
        Case("link: a cache that leads to somebody's files, clean", _cache_elsewhere),
        case("link: the closer look's directory that leads to somebody's images", _closer, "", _look),
    ]
