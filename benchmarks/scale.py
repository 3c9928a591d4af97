"""The tables of docs/scale.md: the modelled cost of a step, its all-reduce and a score on 1 to 1,024 GPUs.

    python benchmarks/scale.py [--flops 4e14 --share 0.3 --node 3e11 --net 4e10]

Operations and parameters are counted in the actual networks, with tensors that have a shape but no data. The figures of
the machine are options and assumptions; none of them was measured.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from ganzoo.distributed.collectives import BUCKET
from ganzoo.entries import ArchitectureEntry, ImageSpec, Needs
from ganzoo.models.build import parameter_count
from ganzoo.plugin.registry import Registry

SIZES = (32, 64, 128, 256, 512, 1024)
WORLDS = (1, 8, 64, 1024)
BATCHES = {32: 64, 64: 64, 128: 32, 256: 16, 512: 8, 1024: 4}  # images per GPU, by image size
INCEPTION = 11.4e9  # operations of Inception for one image: 5.7e9 multiply-adds
STATISTICS = 8 * (2048**2 + 2048)  # bytes of the sums for a mean and a covariance


@dataclass(frozen=True)
class Cost:
    """The cost of one architecture at one image size: operations of a forward pass of one image, and parameters."""

    size: int
    flop_g: float
    flop_d: float
    parameters_g: int
    parameters_d: int

    @property
    def flop(self) -> float:
        """The operations of both updates, per image. A forward and backward pass costs three forward passes.

        The generator does this once. The discriminator's update does it for two images, a real and a fake one. In the
        generator's update the discriminator's backward pass computes only the gradient of the images.
        """
        return 3 * self.flop_g + (6 + 2) * self.flop_d


def cost(entry: ArchitectureEntry, size: int, channels: int) -> Cost:
    image = ImageSpec(channels, size)
    with FakeTensorMode():
        generator = entry.load_generator()(image, entry.generator_params())
        discriminator = entry.load_discriminator()(image, entry.discriminator_params(), Needs())
        latents, images = torch.zeros(4, generator.latent_dim), torch.zeros(4, channels, size, size)
        counts = [parameter_count(network) for network in (generator, discriminator)]
        flops = []
        for network, given in ((generator.eval(), latents), (discriminator.eval(), images)):
            with FlopCounterMode(display=False) as counter:
                network.requires_grad_(False)(given)
            flops.append(counter.get_total_flops() / 4)
    return Cost(size, *flops, *counts)


def reduce_seconds(amount: float, world: int, options: argparse.Namespace) -> float:
    """Return the seconds of a ring all-reduce of ``amount`` bytes over ``world`` GPUs; 0 for one GPU.

    Each GPU sends and receives ``2 (world - 1) / world`` times the amount. The slowest link determines the time.
    """
    if world == 1:
        return 0.0
    link = options.node if world <= 8 else options.net
    messages = math.ceil(amount / BUCKET)
    return 2 * (world - 1) / world * amount / link + messages * options.latency * math.log2(world)


def rows(costs: Iterable[Cost], options: argparse.Namespace) -> Iterable[str]:
    yield (
        "| images | GFLOP an image | parameters | batch | step | "
        + " | ".join(f"+ all-reduce, {world:,}" for world in WORLDS[1:])
        + " | kimg/h on 8 | on 1,024 |"
    )
    yield "| --- " * (6 + len(WORLDS)) + "|"
    for found in costs:
        batch = BATCHES[found.size]
        step = max(options.least, batch * found.flop / (options.flops * options.share))
        sent = [
            sum(reduce_seconds(4 * count, world, options) for count in (found.parameters_g, found.parameters_d))
            for world in WORLDS
        ]
        speed = {world: world * batch / (step + extra) * 3.6 for world, extra in zip(WORLDS, sent, strict=True)}
        yield (
            f"| {found.size}² | {found.flop / 1e9:.3g} | {(found.parameters_g + found.parameters_d) / 1e6:.1f} M "
            f"| {batch} | {step * 1e3:.2f} ms | "
            + " | ".join(f"{extra * 1e3:.2f} ms ({extra / step:.0%})" for extra in sent[1:])
            + f" | {speed[8]:,.0f} | {speed[1024]:,.0f} |"
        )


def scores(costs: Iterable[Cost], options: argparse.Namespace, images: int = 50_000) -> Iterable[str]:
    yield "| images | " + " | ".join(f"{world:,}" for world in WORLDS) + " |"
    yield "| --- " * (1 + len(WORLDS)) + "|"
    for found in costs:
        each = images * (found.flop_g + INCEPTION) / (options.flops * options.share)
        seconds = [each / world + reduce_seconds(STATISTICS, world, options) for world in WORLDS]
        yield f"| {found.size}² | " + " | ".join(f"{value:.2f} s" for value in seconds) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", default="stylegan-lite")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--flops", type=float, default=4e14, help="bf16 operations a second that a large product gets")
    parser.add_argument("--share", type=float, default=0.3, help="of them that these convolutions get")
    parser.add_argument("--least", type=float, default=4e-3, help="seconds that a step takes at least")
    parser.add_argument("--node", type=float, default=3e11, help="bytes a second between GPUs of one machine")
    parser.add_argument("--net", type=float, default=4e10, help="bytes a second from each GPU to other machines")
    parser.add_argument("--latency", type=float, default=1e-5, help="seconds of one hop")
    options = parser.parse_args()
    entry = Registry.load().get(ArchitectureEntry, options.architecture)
    costs = [cost(entry, size, options.channels) for size in SIZES]
    print("\n".join([*rows(costs, options), "", *scores(costs, options)]))


if __name__ == "__main__":
    main()
