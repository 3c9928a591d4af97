"""Compare the training speed of every combination with that of a plain eager loop of the same networks.

    python benchmarks/speed/training.py [--device cpu] [--batch 64] [--size 32] [--repeats 5] [RECIPE...]

Both sides train the same freshly built networks on the same images, in turn, each in its own process. Our side is the
loop of `ganzoo run`, including the EMA of the generator and the statistics, with the precision and memory layout that
it picks by default.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from pairs import Pair, Side, machine, pair, peak_flops, save, slug, speed, write
from plain import PlainLoop
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.data.dataset import Images
from ganzoo.data.factory import open_configured
from ganzoo.data.loader import Feed
from ganzoo.distributed.device import pick_device, prepare_process
from ganzoo.models.build import Model, build_model
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.loop import Loop

NINE = [f"{a}+{loss}" for a in ("dcgan", "stylegan-lite", "mlp") for loss in ("minimax", "non-saturating", "wgan-gp")]
WARM_UP = 5  # iterations
COUNTED = 16  # iterations whose operations are counted: a multiple of the penalties' default intervals


class Flops(TorchDispatchMode):
    """A dispatch mode that counts floating-point operations with the formulas of torch's FlopCounterMode.

    FlopCounterMode itself uses hooks that fail for the second derivatives of a penalty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = operator(*args, **(kwargs or {}))
        count = flop_registry.get(operator.overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


@dataclass(frozen=True)
class Work:
    """The training task of both sides: the recipe, the data and further settings."""

    recipe: str
    data: str
    settings: tuple[str, ...]

    def prepare(self) -> tuple[Config, Images, Model]:
        """Return the configuration, the images and the freshly built networks."""
        registry = Registry.load()
        changes = [f"data.name={self.data}", "loop.discriminator_steps=1", *self.settings]
        config = resolve(registry, self.recipe, None, changes)
        images = open_configured(config)
        return config, images, build_model(config, images.spec)


def plain_loop(work: Work) -> PlainLoop:
    """Return the plain loop for ``work``, in this process as it is."""
    config, images, model = work.prepare()
    lazy = [penalty for penalty in model.penalties if penalty.name == "r1"]
    return PlainLoop(
        model.generator,
        model.discriminator,
        model.generator.latent_dim,
        config.recipe.loss.name,
        images.array,
        size=images.spec.size,
        batch=config.values.loop.batch,
        device=pick_device(config.values.loop.device),
        r1=next(((penalty.weight.item() / penalty.interval, penalty.interval) for penalty in lazy), None),
    )


def our_loop(work: Work, scratch: Path) -> Loop:
    """Return the loop of ``ganzoo run`` for ``work``, and prepare this process as ``ganzoo run`` does."""
    prepare_process()
    config, images, model = work.prepare()
    device, directory = pick_device(config.values.loop.device), RunDir.create(scratch, work.recipe, config.to_yaml())
    feed = Feed(images, config.values.loop.batch, config.values.seed, device)
    return Loop(config, model, feed, directory, device)


def plain_side(work: Work) -> Callable[[float], float]:
    """Return a function that measures the images per second of the plain loop. Called in a process of its own."""
    loop = plain_loop(work)
    return _warm(loop.iteration, loop.batch, loop.device)


def our_side(work: Work, scratch: Path) -> Callable[[float], float]:
    """Return a function that measures the images per second of our loop. Called in a process of its own."""
    loop = our_loop(work, scratch)
    return _warm(loop.iteration, loop.settings.batch, loop.device)


def _warm(iteration: Callable[[], object], batch: int, device: torch.device) -> Callable[[float], float]:
    for _ in range(WARM_UP):
        iteration()
    return lambda seconds: speed(iteration, batch, seconds, device)


def count_flops(work: Work) -> float:
    """Return the floating-point operations per image of our loop, averaged over the intervals of its penalties."""
    with tempfile.TemporaryDirectory() as scratch:
        # A replayed graph calls no operators that could be counted.
        eager = replace(work, settings=(*work.settings, "loop.capture=false"))
        loop = our_loop(eager, Path(scratch) / "run")
        loop.iteration()
        with Flops() as counter:
            for _ in range(COUNTED):
                loop.iteration()
    return counter.total / (COUNTED * loop.settings.batch)


def start(work: Work, scratch: Path, stack: ExitStack) -> tuple[Side, Side]:
    """Start the plain side and ours without waiting for them. ``stack`` ends their processes."""
    sides = Side(plain_side, work), Side(our_side, work, scratch)
    for side in sides:
        stack.callback(side.close)
    return sides


def measure(sides: tuple[Side, Side], repeats: int, seconds: float) -> Pair:
    """Return the images per second of both sides, measured in turn. End their processes."""
    for side in sides:
        side.ready()
    found = pair(lambda: sides[0](seconds), lambda: sides[1](seconds), repeats)
    for side in sides:
        side.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=NINE)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="fashion-10k")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each side in each pair")
    given = parser.parse_args()
    device = pick_device(given.device)
    peak = peak_flops(device)
    settings = (f"loop.device={given.device}", f"loop.batch={given.batch}", f"data.size={given.size}")
    works = [Work(recipe, given.data, settings) for recipe in given.recipes]
    name = f"training-{slug(device)}-{given.size}-{given.batch}"
    title = (
        f"Images per second, {machine(device)['device']}, {given.size}x{given.size}, batch {given.batch}; the peak "
        f"is {peak / 1e9:.0f} GFLOP/s, a large float32 matrix product"
    )
    columns = ["combination", "plain loop", "ganzoo", "ratio (pairs)", "MFLOP an image", "share of peak"]
    rows, figures = list[list[str]](), list[dict[str, Any]]()
    content = {**vars(given), "machine": machine(device), "peak_flops": peak, "rows": figures}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        started: Iterable[tuple[Side, Side]] = (start(work, Path(scratch) / work.recipe, stack) for work in works)
        if device.type == "cuda":  # most of the time is spent on starting, and a waiting process costs nothing
            started = list(started)
            for side in chain(*started):
                side.ready()
        for work, sides in zip(works, started, strict=True):
            flops = count_flops(work)
            found = measure(sides, given.repeats, given.seconds)
            share = found.ours * flops / peak
            rows.append(
                [
                    f"`{work.recipe}`",
                    f"{found.theirs:.0f}",
                    f"{found.ours:.0f}",
                    f"{found.ratio:.2f} ({found.lowest:.2f} to {found.highest:.2f})",
                    f"{flops / 1e6:.0f}",
                    f"{share:.0%}",
                ]
            )
            figures.append({"recipe": work.recipe, **asdict(found), "flops_per_picture": flops, "share_of_peak": share})
            print(*rows[-1], flush=True)
            write(name, title, columns, rows, content)  # now, so that a time limit does not lose the results
    save(name, title, columns, rows, content)


if __name__ == "__main__":
    main()
