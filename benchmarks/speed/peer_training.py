"""Compare training loops of other projects with ganzoo's: same machine, networks, images, batch, optimizer and loss.

    python benchmarks/speed/peer_training.py --collections DIR --mimicry DIR --lightning DIR
        [--device cpu] [--batch 64] [--size 32] [--data fashion-10k] [--repeats 5] [--seconds 5]

Each DIR is a clone: github.com/w86763777/pytorch-gan-collections, github.com/kwotsin/mimicry and
github.com/Lightning-AI/pytorch-lightning, whose example also needs `pip install lightning`. A project without a DIR is
left out. README.md in this directory describes each loop. Each loop runs in its own process. In each round all of them
are measured in turn, and a ratio is the median of the ratios of all rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pairs import Side, machine, paired, rounds, save, slug
from peer_loops import COLLECTIONS, LIGHTNING, MIMICRY, collections_side, lightning_side, mimicry_side
from training import Work, our_side

from ganzoo.distributed.device import pick_device
from ganzoo.utils import openmp

RECIPE = "dcgan+non-saturating"
PRECISIONS = {"ganzoo, float32": "float32", "ganzoo as it is": "auto"}


@dataclass(frozen=True)
class Peer:
    """A loop of another project.

    option: the command-line option that names its clone. file: a file that the clone must have. build, arguments: the
    function that builds the loop, and its last arguments. notes: what the loop does in addition. package: a further
    distribution that it needs.
    """

    name: str
    option: str
    file: str
    build: Callable[..., Callable[[float], float]]
    arguments: tuple[object, ...]
    notes: str
    package: str | None = None


PEERS = (
    Peer(
        "pytorch-gan-collections", "collections", COLLECTIONS, collections_side, (False,),
        "generator step on 2 x the batch; learning rate set and loss read each step; images mirrored",
    ),
    Peer(
        "the same, one batch for the generator", "collections", COLLECTIONS, collections_side, (True,),
        "learning rate set and loss read each step; images mirrored",
    ),
    Peer(
        "mimicry", "mimicry", MIMICRY, mimicry_side, (), "both losses and two probabilities read each step",
    ),
    Peer(
        "Lightning's GAN example", "lightning", LIGHTNING, lightning_side, (),
        "in Lightning's Trainer; both losses handed to `log_dict` each step", "lightning",
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in dict.fromkeys(peer.option for peer in PEERS):
        parser.add_argument(f"--{option}", type=Path, metavar="DIR", help="a clone; without it the project is left out")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="fashion-10k")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each loop in each round")
    given = parser.parse_args()
    peers = [peer for peer in PEERS if usable(peer, getattr(given, peer.option))]
    if not peers:
        parser.error("nothing to compare with; give the directory of a clone, for example --mimicry DIR")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        speeds = measure(given, peers, Path(scratch), stack)
    write_table(given, peers, speeds)


def usable(peer: Peer, clone: Path | None) -> bool:
    """Return whether a project can be measured; if not, print one line that says why.

    Exits if the directory is not a clone of the project.
    """
    if clone is None:
        reason = f"no --{peer.option} DIR"
    elif not (clone / peer.file).is_file():
        sys.exit(f"--{peer.option} {clone}: there is no {peer.file}; name the root of a clone")
    elif peer.package and importlib.util.find_spec(peer.package) is None:
        reason = f"it needs pip install {peer.package}"
    else:
        return True
    print(f"{peer.name} is left out: {reason}", file=sys.stderr)
    return False


def measure(given: argparse.Namespace, peers: list[Peer], scratch: Path, stack: ExitStack) -> dict[str, list[float]]:
    """Return the images per second of every loop in each round, ganzoo's loops first."""
    settings = (f"loop.device={given.device}", f"loop.batch={given.batch}", f"data.size={given.size}")
    work = Work(RECIPE, given.data, (*settings, "data.channels=3"))
    sides: dict[str, Side] = {}
    for name, precision in PRECISIONS.items():
        mine = Work(RECIPE, given.data, (*work.settings, f"loop.precision={precision}"))
        with added(openmp.settings()):  # as for any run of ganzoo
            sides[name] = Side(our_side, mine, scratch / precision)
        stack.callback(sides[name].close)
    for peer in peers:
        clone = getattr(given, peer.option).absolute()
        sides[peer.name] = Side(peer.build, work, clone, *peer.arguments)
        stack.callback(sides[peer.name].close)
    for name, side in sides.items():
        try:
            side.ready()
        except EOFError:
            sys.exit(f"{name}: its process ended before it could be measured; the lines above say why")
    return rounds({name: partial(side, given.seconds) for name, side in sides.items()}, given.repeats)


def write_table(given: argparse.Namespace, peers: list[Peer], speeds: Mapping[str, list[float]]) -> None:
    """Write the table, one row for each loop, against ganzoo in float32 and in the precision that ganzoo picks."""
    rows, figures = [], list[dict[str, Any]]()
    for peer in peers:
        known = commit(getattr(given, peer.option)) + (f", {version(peer.package)}" if peer.package else "")
        cells, found = [], {name: paired(speeds[peer.name], speeds[name]) for name in PRECISIONS}
        for one in found.values():
            cells += [f"{one.ours:.0f}", f"{one.ratio:.2f} ({one.lowest:.2f} to {one.highest:.2f})"]
        theirs = next(iter(found.values())).theirs
        rows.append([peer.name, known, f"{theirs:.0f}", *cells, peer.notes])
        figures.append(
            {"loop": peer.name, "version": known, **{name: asdict(one) for name, one in found.items()}}
        )  # fmt: skip
    device = pick_device(given.device)
    where = machine(device)
    title = (
        f"Images per second of training loops, {where['device']}, {where['threads']} threads, torch {where['torch']}; "
        f"`{RECIPE}`'s networks, {given.size}x{given.size} colour, batch {given.batch}, {given.repeats} rounds of "
        f"{given.seconds:g} s"
    )
    ours = [column for name in PRECISIONS for column in (name, "ratio (rounds)")]
    columns = ["loop", "version", "theirs", *ours, "what else theirs does"]
    name = f"peer-training-{slug(device)}-{given.size}-{given.batch}"
    kept = {key: getattr(given, key) for key in ("device", "data", "batch", "size", "repeats", "seconds")}
    save(name, title, columns, rows, {**kept, "machine": where, "speeds": dict(speeds), "rows": figures})


def commit(clone: Path) -> str:
    """Return the commit of a clone, or ``unknown`` if git does not know it."""
    asked = ["git", "-C", str(clone), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


@contextmanager
def added(settings: Mapping[str, str]) -> Iterator[None]:
    """Add environment variables for processes started in the block. They must not be set yet."""
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            del os.environ[name]


if __name__ == "__main__":
    main()
