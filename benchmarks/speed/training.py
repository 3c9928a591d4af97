"""Training speed of every combination against a plain eager loop of the same networks.

    python benchmarks/speed/training.py [--device cpu] [--batch 64] [--size 32] [--repeats 5] [RECIPE...]

Both sides train the same freshly built networks on the same pictures, in turn, in one process. Ours is the loop that
`ganzoo run` runs: with the averaged generator, the statistics and whatever precision and layout it picks by itself.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pairs import Pair, machine, pair, peak_flops, save, speed
from plain import PlainLoop
from rich.console import Console
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ganzoo.build import build_model
from ganzoo.config import data_root
from ganzoo.data.feed import Feed
from ganzoo.data.open import open_pictures
from ganzoo.device import flush_denormals, pick_device
from ganzoo.display import Display
from ganzoo.folder import RunFolder
from ganzoo.loop import Loop
from ganzoo.registry import Registry
from ganzoo.resolve import resolve

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


def measure(
    registry: Registry, recipe: str, data: str, settings: list[str], repeats: int, seconds: float, scratch: Path
) -> tuple[Pair, float]:
    """Pictures per second of both, and the plain loop's floating-point operations per picture."""
    config = resolve(registry, recipe, None, [f"data.name={data}", "loop.discriminator_steps=1", *settings])
    values = config.values
    device, batch = pick_device(values.loop.device), values.loop.batch
    pictures = open_pictures(registry, data, split="train", size=values.data.size, root=data_root(None))

    model = build_model(config, pictures.spec)
    lazy = [penalty for penalty in model.penalties if penalty.name == "r1"]
    plain = PlainLoop(
        model.generator,
        model.discriminator,
        model.generator.latent_dim,
        config.recipe.loss.name,
        pictures.array,
        size=pictures.spec.size,
        batch=batch,
        device=device,
        r1=next(((penalty.weight.item() / penalty.interval, penalty.interval) for penalty in lazy), None),
    )
    folder = RunFolder.create(scratch / recipe, recipe, config.to_yaml())
    feed = Feed(pictures, batch, values.seed, device)
    quiet, nothing = Display(Console(quiet=True)), lambda *_, **__: {}
    loop = Loop(config, build_model(config, pictures.spec), feed, folder, device, quiet, nothing, nothing)

    for _ in range(WARM_UP):
        plain.iteration()
        loop.iteration()
    with Flops() as counter:
        plain.iteration()
    result = pair(
        lambda: speed(plain.iteration, batch, seconds, device),
        lambda: speed(loop.iteration, batch, seconds, device),
        repeats,
    )
    return result, counter.total / batch


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
    registry, device = Registry.load(), pick_device(given.device)
    flush_denormals()
    peak = peak_flops(device)
    settings = [f"loop.device={given.device}", f"loop.batch={given.batch}", f"data.size={given.size}"]
    rows, figures = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in given.recipes:
            found, flops = measure(registry, recipe, given.data, settings, given.repeats, given.seconds, Path(scratch))
            share = found.ours * flops / peak
            rows.append(
                [
                    f"`{recipe}`",
                    f"{found.theirs:.0f}",
                    f"{found.ours:.0f}",
                    f"{found.ratio:.2f} ({found.lowest:.2f} to {found.highest:.2f})",
                    f"{flops / 1e6:.0f}",
                    f"{share:.0%}",
                ]
            )
            figures.append({"recipe": recipe, **asdict(found), "flops_per_picture": flops, "share_of_peak": share})
            print(*rows[-1], flush=True)
    title = (
        f"Pictures per second, {machine(device)['device']}, {given.size}x{given.size}, batch {given.batch}; the peak "
        f"is {peak / 1e9:.0f} GFLOP/s, a large float32 matrix product"
    )
    columns = ["combination", "plain loop", "ganzoo", "ratio (pairs)", "MFLOP a picture", "share of peak"]
    content = {**vars(given), "machine": machine(device), "peak_flops": peak, "rows": figures}
    save(f"training-{device.type}-{given.size}-{given.batch}", title, columns, rows, content)


if __name__ == "__main__":
    main()
