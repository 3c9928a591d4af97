"""The program of each process in test_devices.py.

It trains the given jobs, some eagerly and some with captured steps, and scores a generator.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import ganzoo_fidelity
from ganzoo.config.schema import MetricsConfig
from ganzoo.config.scoring import find_scoring
from ganzoo.distributed import collectives
from ganzoo.interfaces import draw_normal
from ganzoo.metrics import extractors
from ganzoo.metrics import reader as readers
from ganzoo.metrics import score as scoring
from ganzoo.plugin.registry import Registry
from ganzoo.testing.devices import read_jobs, train
from ganzoo.training.loop import Loop
from support.loops import with_tape
from support.scoring import NETWORK, Blur, Set, Stub

CAPTURED = "captured"  # the parent directory of the runs that capture their steps, as on a GPU
SCORES = "fid", "fid,kid,prc"  # the first needs only sums of features, the second all features


class Noisy(Blur):
    """A generator that also draws noise, as a StyleGAN does."""

    def forward(self, latents, labels=None, *, rng=None, truncation=1.0):
        images = super().forward(latents, labels)
        return (images + 0.2 * draw_normal(tuple(images.shape), rng, images)).clamp(-1, 1)


def score(root: Path, *names: str) -> dict[str, float]:
    """Return the scores of 251 fakes against 121 real images, with a stand-in for the extractor."""
    readers.load_extractor, extractors.find_network = lambda *_: Stub(), lambda *_: NETWORK  # type: ignore[assignment]
    registry = Registry(strict=True)
    registry.add(lambda: ganzoo_fidelity, "fidelity", "ganzoo")
    rng = np.random.default_rng(0)
    real = Set(rng.integers(0, 256, (121, 1, 8, 8), dtype=np.uint8), np.repeat([0, 1, 2], [90, 31, 0]))
    return scoring.score(
        find_scoring(MetricsConfig(names=list(names), fakes=251), registry), Noisy(), real, root=root  # type: ignore[arg-type]
    ).values  # fmt: skip


def train_captured(loop: Loop, eagerly: Callable[[Loop], None] = Loop.train) -> None:
    """Run ``Loop.train`` with a stand-in for CUDA graphs."""
    eagerly(with_tape(loop))
    assert loop.steps.capture is not None and loop.steps._replays


if __name__ == "__main__":
    list_file = Path(sys.argv[1])
    with collectives.joined() as place:
        jobs = read_jobs(list_file)
        train(job for job in jobs if Path(job.directory).parent.name != CAPTURED)
        Loop.train = train_captured  # type: ignore[method-assign, assignment]
        train(job for job in jobs if Path(job.directory).parent.name == CAPTURED)
        found = {names: score(list_file.with_suffix(f".{names}"), *names.split(",")) for names in SCORES}
        if place.rank == 0:
            list_file.with_suffix(".scores").write_text(json.dumps(found))
