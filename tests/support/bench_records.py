"""Benchmark records for tests, made without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from ganzoo.bench.record import SCHEMA, Budget, Cost, CurvePoint, Hardware, Record, Weights, write_record

INCEPTION = "5b79bf1ba01d239d121efbb15ac7a045b5478c99dfb1d940df6d427fa63307c6"


def protocol(**changes: Any) -> dict[str, Any]:
    """Return the protocol of 2,000 generated images, compared with the test images of Fashion-MNIST."""
    return {
        "reference": "fashion-mnist", "split": "test", "fingerprint": "efe5", "resize": {}, "truncation": 1.0,
        "quantisation": "uint8", "classes": "none", "real_statistics": "cached", "real_pictures": 10000,
        "fake_pictures": 2000, "picture": "1 x 28 x 28", "grey": "tiled to three channels", "network": INCEPTION,
        "extractor": "exact", "extractor_device": "cpu", "seed": 0, "torch_fidelity": "0.4.0",
        "metrics": {"fid": "Fréchet distance"}, **changes,
    }  # fmt: skip


def make_record(
    recipe: str = "dcgan+minimax",
    *,
    fid: float | None = 30.0,
    seed: int = 0,
    minutes: float = 5.0,
    failed: str = "",
    hardware: dict[str, Any] | None = None,
    fakes: int = 2000,
    budget: float = 5.0,
    curve: bool | list[dict[str, Any]] = False,
    **changes: Any,
) -> Record:
    """Make a record. Its configuration has the same recipe, seed and fakes, and its protocol the same fakes."""
    architectures, loss, *penalties = recipe.split("+")
    generator, _, discriminator = architectures.partition("/")
    scores = {} if fid is None or failed else {"fid": fid, "kid_mean": fid / 1000, "precision": 0.6, "recall": 0.3}
    points = [CurvePoint(k, minutes * 6 * k, (fid or 0) * (1 + 20 / k), 1000).to_dict("fid")
              for k in (2.0, 5.0, 10.0)]  # fmt: skip
    drawn = points if curve is True else curve or []
    content: dict[str, Any] = {
        "schema": SCHEMA, "grid": "grid", "recipe": recipe, "architecture": generator,
        "discriminator": discriminator or generator, "loss": loss, "penalties": penalties, "augmentation": "",
        "data": "fashion-mnist", "seed": seed, "status": "failed" if failed else "done", "reason": failed,
        "budget": Budget(kimg=100.0, minutes=budget, calibrated_pictures_per_second=333.0), "shown": 100_000,
        "steps_discriminator": 1000, "steps_generator": 1000, "scores": scores,
        "protocol": protocol(fake_pictures=fakes) if scores else {},
        "cost": None if failed else Cost(minutes * 60, 60.0, 1e5 / (minutes * 60), 900.0),
        "parameters": {} if failed else {"generator": 1_200_000, "discriminator": 900_000},
        "hardware": Hardware(**{"kind": "cpu", "device": "a CPU", "cores": 2, "threads": 2, "memory_mib": 8192,
                                **(hardware or {})}),
        "versions": {"ganzoo": "0.1.0"}, "plugins": {"ganzoo": "0.1.0"}, "git_commit": None if failed else "abc",
        "weights": None if failed else Weights("00", 1), "curve": drawn if fid else [], "samples": None,
        "marks": [], "command": f"ganzoo run {recipe} seed={seed}",
        "config": {"recipe": recipe, "seed": seed, "metrics": {"fakes": fakes}}, **changes,
    }  # fmt: skip
    return Record(**content)


def write_records(directory: Path, records: list[Record], *, samples: bool = False) -> list[Path]:
    """Write each record to its own file. samples: also write a coloured sample grid for each finished run."""
    files = []
    for number, record in enumerate(records):
        file = directory / record.grid / f"{number:03d}.json"
        if samples and record.status == "done":
            record.samples = f"{number:03d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            image = Image.linear_gradient("L").resize((272, 272)).rotate(45 * number)
            Image.merge("RGB", (image, image.rotate(90), Image.new("L", (272, 272), 40))).save(file.with_suffix(".png"))
        write_record(file, record)
        files.append(file)
    return files
