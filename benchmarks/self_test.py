"""Compare the FID of CIFAR-10's training images against its test images with the published value, 3.15.

    python benchmarks/self_test.py [--device DEVICE]

The original TensorFlow code gives 3.1508 (pytorch-image-generation-metrics' README). 60,000 images pass through
Inception, which takes seconds on a GPU and about an hour on two CPU cores. The training images are the reference, so
their statistics stay in the cache: later scores with ``metrics.reference=cifar10:train`` use them. Exits with 1 if the
FID differs from the published value by more than 0.01.
"""

from __future__ import annotations

import argparse
import sys

from ganzoo.config.recipe import parse_data
from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.data.factory import open_dataset
from ganzoo.distributed.device import pick_device
from ganzoo.metrics.score import score_images
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import data_root

PUBLISHED, TOLERANCE = 3.1508, 0.01


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    device = pick_device(parser.parse_args().device)
    registry = Registry.load(strict=True)
    train, test = (
        open_dataset(*parse_data("cifar10", registry), "cifar10", split=split) for split in ("train", "test")
    )
    scoring = find_scoring(MetricsConfig(names=["fid"]), registry)
    found = score_images(scoring, test.array, train, root=data_root(None), device=device)
    fid = found.values["fid"]
    print(f"CIFAR-10 train against test: FID {fid:.4f}, published {PUBLISHED}, {found.seconds:.0f} s")
    return int(abs(fid - PUBLISHED) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
