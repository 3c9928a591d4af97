"""Measure the fastest settings for a run's own step on this CPU, before the run begins.

Whether more threads, bf16 and channels-last are faster depends on hyper-threading, on the instructions for bf16 and on
the caches; the processor's name does not show it. All three change rounding. So a run calibrates only with
``loop.calibrate``, and only once: the choice becomes part of its configuration, which a resumed or repeated run uses.
It is also kept under ``<root>/calibration``, in a file for each machine and step, so that two runs of one seed compute
the same.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from ganzoo.config.schema import MACHINE_CHOICES, Config
from ganzoo.data.dataset import Images
from ganzoo.data.loader import Feed
from ganzoo.distributed import collectives
from ganzoo.distributed.device import has_bf16, threads
from ganzoo.entries import ImageSpec
from ganzoo.models.build import build_model
from ganzoo.runs.provenance import describe_device
from ganzoo.runs.run_dir import RunDir, read_json
from ganzoo.training.loop import Loop
from ganzoo.utils import openmp
from ganzoo.utils.checksum import digest_of, sealed, unsealed
from ganzoo.utils.files import data_root, write_whole
from ganzoo.utils.waiting import waiting

logger = logging.getLogger(__name__)
CALIBRATED = "calibration"  # in the provenance, and the name of the cache's directory
CHOSEN, GAINS = "chosen", "gains"
STEP = ("recipe", "generator", "discriminator", "loss", "penalties", "augmentation", "step")
LOOP = ("batch", "accumulate", "discriminator_steps", "fresh_fakes", "clip_grad", *MACHINE_CHOICES)
Options = dict[str, tuple[Any, ...]]
LEAST_GAIN = 1.05  # the speed-up that an alternative to the default needs
ROUNDS, SECONDS = 5, 0.4  # a comparison measures at most ROUNDS pairs, and starts none after SECONDS
BLOCK = 0.05  # least seconds of one measurement


@dataclass
class Trial:
    """A training loop on random images that writes nothing; its networks are discarded."""

    loop: Loop

    @classmethod
    def of(cls, config: Config, image: ImageSpec, device: torch.device) -> Trial:
        """Build a trial as the run itself is built, without a change to the global random state."""
        batch, rng = config.values.loop.batch, np.random.default_rng(0)
        array = rng.integers(0, 256, (batch, image.channels, image.size, image.size), dtype=np.uint8)
        labels = rng.integers(0, image.classes, batch) if image.classes else None
        images = Images(array, labels, image, "random images", "train", "")
        feed = Feed(images, batch, config.values.seed, device)
        return cls(Loop(config, build_model(config, image), feed, RunDir(Path()), device))

    def seconds(self, iterations: int) -> float:
        """Return the seconds that ``iterations`` iterations take, with the configured number of threads."""
        with threads(self.loop.settings.threads):
            begun = time.perf_counter()
            for _ in range(iterations):
                self.loop.iteration()
            return time.perf_counter() - begun


def calibrate(config: Config, image: ImageSpec, device: torch.device) -> tuple[Config, dict[str, Any]]:
    """Return the configuration with the fastest choice for this CPU, and the choice's entry for the provenance.

    Settings of the user do not change: ``loop.threads`` or OMP_NUM_THREADS, ``loop.precision``, ``loop.layout``.
    Without ``loop.calibrate``, on another device, or in several processes nothing changes and the entry is empty.
    """
    options = _options(config, device)
    if not options:
        return config, {}
    values, kept = config.as_dict(), config.values.loop
    step = {key: values[key] for key in STEP if key in values} | {key: getattr(kept, key) for key in LOOP}
    machine = [describe_device(device), openmp.processors(), torch.__version__, torch.backends.cpu.get_cpu_capability()]
    names = [config.values.optimizer.generator.name, config.values.optimizer.discriminator.name]
    key = digest_of({"step": step, "image": asdict(image), "optimizers": names, "machine": machine, "of": options})
    file = data_root(config.values.data.root) / CALIBRATED / f"{key}.json"
    noted = _read(file, options)
    if noted is None:
        with waiting("measuring which threads, precision and layout are fastest here"):
            noted = _measured(config, image, device, options)
        content = json.dumps(sealed(noted), indent=1) + "\n"
        write_whole(file, lambda stream: stream.write(content.encode()), parents=True)
    if not noted[GAINS]:
        return with_choice(config, noted), {CALIBRATED: noted}
    said = ", ".join(f"loop.{name}={noted[CHOSEN][name]} ({gain:.2f}x)" for name, gain in noted[GAINS].items())
    logger.info(f"fastest on this CPU (speed relative to the alternative): {said}; kept in {file}")
    return with_choice(config, noted), {CALIBRATED: noted}


def with_choice(config: Config, noted: object) -> Config:
    """Return the configuration with the choice that :func:`calibrate` noted; settings of the user do not change."""
    chosen = noted.get(CHOSEN) if isinstance(noted, Mapping) and config.values.loop.calibrate else None
    loop = config.values.loop
    free = [name for name in MACHINE_CHOICES if getattr(loop, name) in (None, "auto")]
    with suppress(TypeError, ValueError):  # the note is damaged
        if isinstance(chosen, Mapping):
            loop = replace(loop, **{name: chosen[name] for name in free if name in chosen})
    return replace(config, values=replace(config.values, loop=loop))


def _options(config: Config, device: torch.device) -> Options:
    """Return, by name, each setting that the user left open: its default, then the alternatives to compare."""
    loop, options = config.values.loop, Options()
    if not loop.calibrate or device.type != "cpu" or collectives.here().together:
        return options
    if loop.threads is None:
        number = torch.get_num_threads()
        options["threads"] = (number,) if number == 1 or openmp.is_set_by_user() else (number, 1)
    if loop.precision == "auto":
        options["precision"] = ("bf16", "float32") if has_bf16(device) else ("float32",)
    if loop.layout == "auto":
        options["layout"] = ("channels_last", "contiguous")
    return options


def _measured(config: Config, image: ImageSpec, device: torch.device, options: Options) -> dict[str, Any]:
    """Return the choice and its gains: the settings are compared in turn, each with the choices made before it."""
    chosen, gains = {name: default for name, (default, *_) in options.items()}, dict[str, float]()
    for name, (default, *others) in options.items():
        for other in others:
            one, two = (
                Trial.of(with_choice(config, {CHOSEN: {**chosen, name: option}}), image, device)
                for option in (default, other)
            )
            gain = gain_of(one, two)
            wins = gain >= LEAST_GAIN
            chosen[name] = other if wins else default
            gains[name] = round(gain if wins else 1 / gain, 3)
    return {CHOSEN: chosen, GAINS: gains}


def gain_of(one: Trial, other: Trial) -> float:
    """Return the speed of ``other`` divided by that of ``one``: the median over pairs of measurements.

    Both trials do the same number of iterations, so that the same penalties are due in both.
    """
    for trial in (one, other):
        trial.seconds(1)  # creates the optimizer moments, and the convolutions' one-time preparations
    pair = one.seconds(1), other.seconds(1)
    iterations = math.ceil(BLOCK / max(*pair, 1e-4))
    spent, ratios = 0.0, list[float]()
    while not ratios or (len(ratios) < ROUNDS and spent < SECONDS):
        sides = [partial(one.seconds, iterations), partial(other.seconds, iterations)]
        turned = len(ratios) % 2 == 1
        pair = (sides[0](), sides[1]()) if not turned else (sides[1](), sides[0]())[::-1]
        ratios.append(pair[0] / pair[1])
        spent += sum(pair)
    return median(ratios)


def _read(file: Path, options: Options) -> dict[str, Any] | None:
    """Return the kept choice; None if the file is missing, damaged, or about other options."""
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        noted = unsealed(read_json(file))
        chosen = {name: noted[CHOSEN][name] for name in options}
        gains = {name: float(noted[GAINS][name]) for name, found in options.items() if len(found) > 1}
        if all(chosen[name] in found for name, found in options.items()):
            return {CHOSEN: chosen, GAINS: gains}
    return None
