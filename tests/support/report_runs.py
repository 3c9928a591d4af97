"""Run directories written by hand, for the tests of the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def write_grid(file: Path, images: np.ndarray) -> None:
    """Write uint8 images ``(64, S, S)`` or ``(64, S, S, 3)`` as a grid of 8 x 8 images, two pixels apart."""
    size = images.shape[1]
    sheet = np.full((8 * (size + 2) + 2, 8 * (size + 2) + 2, 3), 255, dtype=np.uint8)
    for place, image in enumerate(images):
        top, left = (2 + (size + 2) * index for index in divmod(place, 8))
        sheet[top : top + size, left : left + size] = image if image.ndim == 3 else image[..., None]
    Image.fromarray(sheet).save(file)


def log_record(kimg: float, **figures: float) -> dict[str, Any]:
    return {
        "kimg": kimg, "shown": int(kimg * 1000), "seconds": kimg * 10, "pictures_per_second": 100.0,
        "lr_discriminator": 2e-4, "lr_generator": 2e-4, "loss_discriminator": 1.2, "loss_generator": 0.8,
        "gradient_discriminator": 2.0, "gradient_generator": 0.5, "auc": 0.7, "accuracy_real": 0.65,
        "accuracy_fake": 0.66, **figures,
    }  # fmt: skip


def write_run(
    path: Path,
    *,
    recipe: str = "mlp+minimax",
    steps: int = 5,
    size: int = 28,
    budget: float = 4.0,
    probability: bool = True,
    border: bool = True,
    scores: bool = True,
    verdicts: bool = True,
    channels: int = 1,
) -> Path:
    """Write a run whose samples blend from one noise image into another and whose fakes get ever higher logits."""
    rng = np.random.default_rng(0)
    for directory in ("samples", "verdicts", "checkpoints"):
        (path / directory).mkdir(parents=True, exist_ok=True)
    config = {"recipe": recipe, "seed": 0, "data": {"name": "fashion-10k"}, "loop": {"kimg": budget},
              "optimizer": {"generator": {"lr": 2e-4}, "discriminator": {"lr": 4e-4}}}  # fmt: skip
    (path / "config.yaml").write_text(json.dumps(config))
    shape = (64, size, size) if channels == 1 else (64, size, size, channels)
    start, end = rng.integers(0, 256, shape), rng.integers(0, 256, shape)
    if verdicts:
        write_grid(path / "verdicts/real.png", rng.integers(0, 256, shape).astype(np.uint8))
    for step in range(steps):
        share = step / max(1, steps - 1)
        name = f"kimg{4 * share:010.3f}"
        write_grid(path / f"samples/{name}.png", ((1 - share) * start + share * end).astype(np.uint8))
        logits = {
            "d_fake": (rng.normal(size=64) - 4 * (1 - share)).tolist(),
            "d_real": (rng.normal(size=64) + 2).tolist(),
        }
        record = {"shown": int(4000 * share), "probability": probability, "zero_is_border": border, **logits}
        if verdicts:
            (path / f"verdicts/{name}.json").write_text(json.dumps(record))
    (path / "log.jsonl").write_text("".join(json.dumps(log_record(k / 5)) + "\n" for k in range(1, 21)))
    if scores:
        lines = [{"kimg": kimg, "values": {"fid": 90.0 - kimg}} for kimg in (1.0, 2.0, 4.0)]
        (path / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_look(path: Path, **near: Any) -> None:
    """Write a closer look with grids of noise and no copies of training images. near: changes of its nearest images."""
    rng = np.random.default_rng(0)
    (path / "closer").mkdir(exist_ok=True)
    for name in ("nearest", "between", "truncation"):
        write_grid(path / f"closer/{name}.png", rng.integers(0, 256, (64, 28, 28)).astype(np.uint8))
    usual = {"space": "features", "searched": 10000, "compared": 96, "held_out": "test",
             "generated": [9.0] * 16, "real": [10.0] * 16}  # fmt: skip
    record = {"checkpoint": "kimg4", "shown": 4000, "nearest": {**usual, **near}}
    (path / "closer/look.json").write_text(json.dumps(record))
