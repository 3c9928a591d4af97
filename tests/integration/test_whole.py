"""Brief runs of three architectures with three losses: training lowers the FID of each by more than a quarter."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from rich.console import Console
from support.runs import start

from ganzoo.api import load
from ganzoo.config.resolve import resolve
from ganzoo.console.display import Display
from ganzoo.errors import NetworkMissing
from ganzoo.runs.checkpoint import list_checkpoints
from ganzoo.runs.run_dir import RunDir
from ganzoo_fidelity.network import find_network

FAKES = 48
SMALL = {
    "mlp": {"generator.width": 128, "discriminator.width": 128, "loop.kimg": 60},
    "dcgan": {"generator.width": 16, "discriminator.width": 16, "loop.kimg": 12},
    "stylegan-lite": {
        "generator.width": 8,
        "generator.width_max": 32,
        "generator.mapping_layers": 1,
        "generator.mixing": 0,
        "discriminator.width": 8,
        "discriminator.width_max": 32,
        "discriminator.spectral": False,  # on by default with minimax, but it helps only in longer runs
        "optimizer.generator.lr": 4e-3,
        "optimizer.discriminator.lr": 4e-3,
        "loop.batch": 8,
        "loop.kimg": 14,
    },
}
ALL = {
    "loop.batch": 32,
    "loop.device": "cpu",
    "loop.discriminator_steps": 1,
    "loop.snapshot_kimg": 99,
    "metrics.fakes": FAKES,
    "ema.half_life_kimg": 1,
}
LOSSES = ["minimax", "non-saturating", "wgan-gp"]
# Three combinations with each architecture and each loss once, and their kimg; the other combinations are slow.
BRIEF = {("mlp", "minimax"): 30, ("dcgan", "wgan-gp"): 7, ("stylegan-lite", "non-saturating"): 8}
COMBINATIONS = [pytest.param(*pair, marks=() if pair in BRIEF else pytest.mark.slow) for pair in product(SMALL, LOSSES)]


@pytest.fixture(scope="module")
def inception(tmp_path_factory) -> Path:
    try:
        return find_network(None, tmp_path_factory.mktemp("network")).path
    except NetworkMissing as error:
        pytest.skip(str(error))


@pytest.mark.long
@pytest.mark.parametrize(("architecture", "loss"), COMBINATIONS)
def test_every_combination_beats_its_untrained_generator_by_far(registry, tmp_path, inception, architecture, loss):
    values = {**ALL, **SMALL[architecture]}
    values["loop.kimg"] = BRIEF.get((architecture, loss), values["loop.kimg"])
    settings = [f"{key}={value}" for key, value in values.items()]
    config = resolve(registry, f"{architecture}+{loss}", None, settings)
    outcome = start(registry, config, Display(Console(quiet=True)), out=tmp_path / "run")
    first = list_checkpoints(RunDir(tmp_path / "run").checkpoints)[0]
    trained = outcome.score["values"]["fid"]
    quiet = Display(Console(quiet=True))
    untrained = load(tmp_path / "run").evaluate(callbacks=[quiet], checkpoint=first.path.name).values["fid"]
    assert trained < 0.75 * untrained, f"{trained:.0f} after training, {untrained:.0f} before"
