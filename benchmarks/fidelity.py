"""Compare the scores of `metrics.mode=reference` with those of torch-fidelity's command on the same images.

    python benchmarks/fidelity.py [--count 200]

Writes training and test images of Fashion-MNIST as PNGs into two directories, runs torch-fidelity's command on them,
and scores the same images with `metrics.mode=reference`. Exits with 1 if the relative difference of any figure is
larger than 1e-6.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from ganzoo.config.recipe import parse_data
from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.data.factory import open_dataset
from ganzoo.metrics.score import score_arrays
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import data_root
from ganzoo_fidelity.network import find_network

TOLERANCE = 1e-6
NAMES = {
    "fid": "frechet_inception_distance",
    "kid_mean": "kernel_inception_distance_mean",
    "precision": "precision",
    "recall": "recall",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count
    registry = Registry.load(strict=True)
    network = find_network(None, data_root(None))
    sets = {
        split: open_dataset(*parse_data("fashion-mnist", registry), "fashion-mnist", split=split).array[:count]
        for split in ("train", "test")
    }
    with tempfile.TemporaryDirectory() as root:
        for split, images in sets.items():
            (Path(root) / split).mkdir()
            for index, image in enumerate(images):
                Image.fromarray(image[0]).convert("RGB").save(Path(root) / split / f"{index:06d}.png")
        done = subprocess.run(
            [str(Path(sys.executable).with_name("fidelity")), "-c", "--fid", "--kid", "--prc", "--json", "--silent",
             "--input1", f"{root}/train", "--input2", f"{root}/test", "--kid-subset-size", str(min(count, 1000)),
             "--feature-extractor", "inception-v3-compat", "--feature-extractor-weights-path", str(network.path),
             "--no-cache", "--rng-seed", "0"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    theirs = json.loads(done.stdout)
    metrics = MetricsConfig(names=["fid", "kid", "prc"], mode="reference")
    ours = score_arrays(find_scoring(metrics, registry), sets["test"], sets["train"], root=data_root(None)).values
    worst = 0.0
    for name, their_name in NAMES.items():
        off = abs(ours[name] - theirs[their_name]) / abs(theirs[their_name])
        worst = max(worst, off)
        print(f"{name:10} torch-fidelity {theirs[their_name]:.10f}  here {ours[name]:.10f}  relative {off:.1e}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
