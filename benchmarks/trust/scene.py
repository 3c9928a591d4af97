"""A run that is small enough to be killed a hundred times: images, settings, a replacement for Inception, forks.

torch is imported only once, here. Each attempt is a fork of this process, which never trains itself. A child is
therefore like a fresh process, without the three seconds of the import. PyTorch starts no threads before or after the
fork.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from ganzoo.bench.grid import Grid
from ganzoo.bench.harness import Harness
from ganzoo.bench.job import Job
from ganzoo.bench.launcher import Launcher
from ganzoo.bench.work import perform
from ganzoo.cli.main import main as command_line
from ganzoo.console.display import Display
from ganzoo.metrics import extractors, reader
from ganzoo.metrics.extractor import Network
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import list_checkpoints
from ganzoo.utils.files import read_jsonl

RECIPE = "mlp+non-saturating"
IMAGES = 32
KIMG = 0.24
DEADLINE = 300.0  # seconds after which an attempt counts as hung
SETTINGS = [
    "generator.width=16", "generator.layers=1", "discriminator.width=16", "discriminator.layers=1",
    "loop.batch=8", f"loop.kimg={KIMG}", "loop.log_kimg=0.03", "loop.snapshot_kimg=0.06", "loop.device=cpu",
    "metrics.fakes=16", "metrics.times=2", "metrics.names=[fid]",
]  # fmt: skip


class StandIn:
    """An extractor that takes almost no time: a fixed random projection to 16 features.

    pause: seconds to sleep in each call.
    """

    pause = 0.0

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        time.sleep(self.pause)
        matrix = torch.randn(images[0].numel(), 16, generator=torch.Generator().manual_seed(0))
        return {"2048": images.float().flatten(1) / 255 @ matrix}


def stand_in() -> None:
    """Make this process score with :class:`StandIn` from now on."""
    network = Network(Path("none"), "ab" * 32, "cd" * 32, "a stand-in", lacks=("logits_unbiased",))
    extractors.find_network = lambda *_: network
    reader.load_extractor = lambda *_: StandIn()


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    code: its exit status, negative for a signal. printed: its output. seconds: the time until its end, counted from the
    signal that was sent, else from the fork.
    """

    code: int
    printed: str
    seconds: float

    @property
    def said(self) -> str:
        """The last line of the output; "" without output."""
        return (self.printed.strip().splitlines() or [""])[-1]


class Scene:
    """A separate directory with caches, one run in ``run`` and the results of one grid in ``results``."""

    def __init__(self, place: Path, registry: Registry, log: str = "printed.txt") -> None:
        self.place, self.registry, self.log = place, registry, place / log
        place.mkdir(parents=True, exist_ok=True)
        self.run, self.results, self.root = place / "run", place / "results", place / "data"

    @property
    def settings(self) -> list[str]:
        """The settings of every run here, as KEY=VALUE. The images are shared by all scenes."""
        return [*SETTINGS, f"data.name=folder:{self.place.parent / 'images'}", f"data.root={self.root}"]

    def command(self, *extra: str) -> int:
        """Begin the run, or resume it if it exists. Return the exit code."""
        if (self.run / "config.yaml").exists():
            return self.call("resume", str(self.run))
        return self.call("run", RECIPE, *self.settings, *extra, "--out", str(self.run))

    def call(self, *arguments: str) -> int:
        """Call a command of ganzoo in this process. Return its exit code."""
        Registry.load = lambda *_, **__: self.registry
        try:
            command_line(list(arguments))
        except SystemExit as stop:
            return int(stop.code or 0)

    def benchmark(self) -> int:
        """Run a grid of one row in this process. Return 1 if the row failed, else 0."""
        data = f"folder:{self.place.parent / 'images'}"
        settings = [*SETTINGS, f"data.root={self.root}"]
        settings.remove(f"loop.kimg={KIMG}")
        grid = Grid(name="grid", recipes=[RECIPE], data=[data], kimg=KIMG, settings=settings)
        harness = Harness(grid, self.registry, _Here(self.registry), self.results, self.place / "work")
        records = harness.run()
        return int(records[0].status != "done")

    @property
    def row(self) -> Path:
        """The run directory of the grid's row."""
        return next((self.place / "work").glob("grid/*/run"))

    def child(self, work: Callable[[], int | None], *, after: float | None = None, send: int = signal.SIGKILL,
              ready: Callable[[], bool] = lambda: True) -> Ended:  # fmt: skip
        """Call ``work`` in a fork, and wait for its end.

        after: send the signal ``send`` after this many seconds of the child's processor time, as soon as ``ready``
        returns True; None sends no signal. A child that takes longer than DEADLINE is killed.
        """
        begun = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _do(work, self.log)
        asked = 0.0
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                break
            if after is not None and not asked and _processor_seconds(pid) > after and ready():
                os.kill(pid, send)
                asked = time.monotonic()
            if time.monotonic() - begun > DEADLINE:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02 if after is None else 0.001)
        seconds = time.monotonic() - (asked or begun)
        return Ended(os.waitstatus_to_exitcode(status), self.log.read_text(errors="replace"), seconds)

    def fingerprint(self, run: Path) -> str:
        """Return two hashes of a run's results, without times, separated by a space.

        The first is of weights, optimizers, counters and random state. The second is of the losses in the log, the
        scores, and the names of samples and verdicts.
        """
        newest = list_checkpoints(run / "checkpoints")[-1]
        digest = hashlib.sha256(newest.path.name.encode())
        for file in sorted(newest.path.glob("*.safetensors")):
            digest.update(file.read_bytes())
        state = newest.load_state()
        state["counters"].pop("seconds")
        for part in _leaves(state):
            digest.update(part.numpy().tobytes() if isinstance(part, torch.Tensor) else repr(part).encode())
        trained, digest = digest.hexdigest(), hashlib.sha256()
        for record in read_jsonl(run / "log.jsonl"):
            digest.update(repr([record["shown"], record["loss_generator"], record["loss_discriminator"]]).encode())
        for record in read_jsonl(run / "scores.jsonl"):
            digest.update(repr([record["checkpoint"], record["values"]]).encode())
        names = sorted(path.name for directory in ("samples", "verdicts") for path in (run / directory).iterdir())
        digest.update(repr(names).encode())
        return f"{trained} {digest.hexdigest()}"


def make_images(directory: Path) -> None:
    """Write a small data set of noise images."""
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(directory / f"{number:02d}.png")


class _Here(Launcher):
    """A launcher that does its jobs in this process."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(None)
        self.registry = registry

    def run(self, jobs: Any, *, alone: bool = False) -> Iterator[tuple[Job, str]]:
        for job in jobs:
            perform(Job.read(job.write()), self.registry, Display(Console(quiet=True)))
            yield job, ""


def _do(work: Callable[[], int | None], log: Path) -> None:
    """Do the work of a child, with its output in ``log``. Never returns."""
    code = 1
    try:
        os.setsid()
        descriptor = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
        stand_in()
        code = work() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _processor_seconds(pid: int) -> float:
    try:
        return time.clock_gettime((~pid << 3) | 2)  # Linux: the clock of another process
    except OSError:
        return 0.0


def _leaves(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for key in sorted(node, key=str):
            yield key
            yield from _leaves(node[key])
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _leaves(item)
    else:
        yield node


def read_json(file: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(file.read_text())
