"""Training speed of every combination against a plain eager loop of the same networks.

    python benchmarks/speed/training.py [--device cpu] [--batch 64] [--size 32] [--repeats 5] [RECIPE...]

Both sides train the same freshly built networks on the same images, in turn, each in a process of its own. Ours is
the loop that `ganzoo run` runs: with the averaged generator, the statistics and whatever precision and layout it picks
by itself.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
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


class Flops(TorchDispatchMode):
    """Counts as torch's FlopCounterMode does, whose hooks cannot follow a penalty's gradient of a gradient."""

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
    """What both sides train."""

    recipe: str
    data: str
    settings: tuple[str, ...]

    def prepare(self) -> tuple[Config, Images, Model]:
        """The configuration, the images and the freshly built networks."""
        registry = Registry.load()
        changes = [f"data.name={self.data}", "loop.discriminator_steps=1", *self.settings]
        config = resolve(registry, self.recipe, None, changes)
        images = open_configured(config)
        return config, images, build_model(config, images.spec)


def plain_loop(work: Work) -> PlainLoop:
    """The yardstick, as anyone's script would run it."""
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
    """The loop of ``ganzoo run``."""
    prepare_process()
    config, images, model = work.prepare()
    device, directory = pick_device(config.values.loop.device), RunDir.create(scratch, work.recipe, config.to_yaml())
    feed = Feed(images, config.values.loop.batch, config.values.seed, device)
    return Loop(config, model, feed, directory, device)


def plain_side(work: Work) -> Callable[[float], float]:
    """Its images per second, in a process of its own."""
    loop = plain_loop(work)
    return _warm(loop.iteration, loop.batch, loop.device)


def our_side(work: Work, scratch: Path) -> Callable[[float], float]:
    """Its images per second, in a process of its own."""
    loop = our_loop(work, scratch)
    return _warm(loop.iteration, loop.settings.batch, loop.device)


def _warm(iteration: Callable[[], object], batch: int, device: torch.device) -> Callable[[float], float]:
    for _ in range(WARM_UP):
        iteration()
    return lambda seconds: speed(iteration, batch, seconds, device)


def count_flops(work: Work) -> float:
    """The plain loop's floating-point operations per image."""
    loop = plain_loop(work)
    loop.iteration()
    with Flops() as counter:
        loop.iteration()
    return counter.total / loop.batch


def start(work: Work, scratch: Path, stack: ExitStack) -> tuple[Side, Side]:
    """The plain side and ours, which get ready while this process goes on; ``stack`` ends them."""
    sides = Side(plain_side, work), Side(our_side, work, scratch)
    for side in sides:
        stack.callback(side.close)
    return sides


def measure(sides: tuple[Side, Side], repeats: int, seconds: float) -> Pair:
    """Images per second of both, in turn. The sides end."""
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
        if device.type == "cuda":  # starting is most of the time there, and a process that waits takes no time
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
            write(name, title, columns, rows, content)  # now, so that a time limit leaves what was measured
    save(name, title, columns, rows, content)


if __name__ == "__main__":
    main()
