"""Check whether several processes, each with its share of the batch, train the same weights as one process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from safetensors.torch import load_file

from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.distributed import collectives
from ganzoo.plugin.registry import Registry
from ganzoo.runs.checkpoint import list_checkpoints
from ganzoo.runs.load import load_config
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.run import resume, start
from ganzoo.utils.files import read_jsonl

TIMES = ("seconds", "pictures_per_second")
# Settings for small runs that several processes repeat to within float32's precision. Momentum instead of Adam: Adam
# divides a gradient by its size, which turns the rounding error of a zero gradient into a whole step.
COMPARABLE = (
    *("data.size=8", "data.mirror=true", "generator.width=8", "discriminator.width=8"),
    *("loop.device=cpu", "loop.precision=float32", "loop.keep=99", "metrics.names=[]"),
    *("optimizer.generator.name=momentum", "optimizer.discriminator.name=momentum"),
    *("optimizer.generator.lr=0.01", "optimizer.discriminator.lr=0.01"),
)
FLOOR = 1e-3  # the smallest value that is used as the largest weight of a tensor


@dataclass(frozen=True)
class Job:
    """A run to train in ``directory``, or to resume if the directory already holds a run."""

    recipe: str
    settings: Sequence[str]
    directory: str


@dataclass(frozen=True)
class Difference:
    """The differences between two runs.

    weights: the largest difference of any weight, as a share of the largest weight of its tensor.
    logged: the largest difference of any logged figure, as a share of the figure or of 1, whichever is larger.
    moved: how far training moved the weights, measured like ``weights``.
    """

    weights: float
    logged: float
    moved: float


def train(jobs: Iterable[Job]) -> None:
    """Train the jobs one after the other, in this process or together with the ranks it has joined."""
    registry, display = Registry.load(), Display(Console(quiet=True))
    for job in jobs:
        directory = Path(job.directory)
        if collectives.agreed((directory / "config.yaml").exists()):
            resume(load_config(registry, RunDir.open(directory), scoring=True), directory, display)
        else:
            start(resolve(registry, job.recipe, None, job.settings), display, out=directory)


def train_on(
    processes: int, jobs: Sequence[Job], list_file: Path, program: Sequence[str] = ("-m", "ganzoo.testing.devices")
) -> None:
    """Train the jobs in ``processes`` new processes, which read them from ``list_file``. ``program``: what they run."""
    list_file.write_text(json.dumps([asdict(job) for job in jobs]))
    command = ["torch.distributed.run", "--nnodes=1", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    command += ["--local-addr=localhost", f"--nproc-per-node={processes}", *program]
    subprocess.run([sys.executable, "-m", *command, str(list_file)], check=True)  # noqa: S603


def rewind(directory: Path, checkpoints: int) -> None:
    """Keep only the ``checkpoints`` oldest checkpoints of a run, so that it can be resumed from the middle."""
    for checkpoint in list_checkpoints(directory / "checkpoints")[checkpoints:]:
        shutil.rmtree(checkpoint.path)


def compare(one: Path, other: Path) -> Difference:
    """Compare two finished runs of one recipe; ``one`` must have kept its first checkpoint."""
    first, last = (list_checkpoints(one / "checkpoints")[end].path for end in (0, -1))
    return Difference(
        weights=_apart(last, list_checkpoints(other / "checkpoints")[-1].path),
        logged=_logged_apart(one / "log.jsonl", other / "log.jsonl"),
        moved=_apart(last, first),
    )


def _apart(one: Path, other: Path) -> float:
    found = 0.0
    for file in sorted(one.glob("*.safetensors")):
        weights = load_file(other / file.name)
        for name, value in load_file(file).items():
            scale = value.double().abs().max().clamp(min=FLOOR)
            found = max(found, float((value.double() - weights[name].double()).abs().max() / scale))
    return found


def _logged_apart(one: Path, other: Path) -> float:
    pairs = list(zip(read_jsonl(one), read_jsonl(other), strict=True))
    return max(
        abs(value - second[name]) / max(1.0, abs(value))
        for first, second in pairs
        for name, value in first.items()
        if name not in TIMES
    )


def read_jobs(list_file: Path) -> list[Job]:
    """Read the jobs that :func:`train_on` wrote."""
    return [Job(**job) for job in json.loads(list_file.read_text())]


if __name__ == "__main__":
    with collectives.joined():
        train(read_jobs(Path(sys.argv[1])))
