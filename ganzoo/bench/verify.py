"""Whether a record can be believed: its digest, and where the weights are still there, its score."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ganzoo.bench.record import Record, read_record
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.data.factory import open_configured, peek_configured
from ganzoo.distributed.device import pick_device, prepare_process
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.score import score
from ganzoo.models.build import build_generator, check_picture
from ganzoo.plugin.registry import Registry
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import data_root
from ganzoo.utils.safe_yaml import write_yaml
from ganzoo.utils.structured import literal

# Latents and noise are the same numbers everywhere. Convolutions round differently from device to device, which moves
# some pixels by one step of 255 and an FID by some thousandths; bf16 or TF32 in the generator would show as more.
SAME_DEVICE, OTHER_DEVICE = 1e-4, 1e-2
PROTOCOL = ("fingerprint", "fake_pictures", "seed", "extractor", "truncation", "network")  # what scoring again takes


@dataclass(frozen=True)
class Verdict:
    """``holds`` is None where the weights are gone: only the digest was checked. ``text`` is one line for people."""

    holds: bool | None
    text: str


def verify(
    file: Path,
    registry: Registry,
    *,
    device: str = "auto",
    root: Path | None = None,
    inception: str | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Check a record, and score its weights again as its protocol says.

    A value holds when it differs by no more than the tolerance, relative to the value and at least absolute: 1e-4 on
    the kind of device it was scored on, 1e-2 on another. Raises GanzooError where the record itself is not sound, or
    the data or the network to score with are not the recorded ones.
    """
    record = read_record(file)
    if record.status != "done" or record.weights is None:
        return Verdict(None, f"{file}: digest right; a failed row, with nothing to score: {record.reason}")
    weights = weights_of(record, file)
    if weights is None:
        return Verdict(None, f"{file}: digest right; its weights are gone, so only the digest was checked")
    try:
        found, tolerance = _score_again(record, weights, registry, device, root, inception, progress)
    except GanzooError as error:
        raise GanzooError(f"{file}: {error}") from error
    off = {
        name: (value, found.get(name, float("nan")))
        for name, value in record.scores.items()
        if not abs(found.get(name, float("nan")) - value) <= tolerance * max(1.0, abs(value))
    }
    if off:
        name, (value, now) = next(iter(off.items()))
        return Verdict(False, f"{file}: does not hold: {name} {value:.6g} is {now:.6g} (tolerance {tolerance:g})")
    compared = ", ".join(f"{name} {found[name]:.6g}" for name in record.scores)
    return Verdict(True, f"{file}: holds: {compared} (tolerance {tolerance:g})")


def weights_of(record: Record, file: Path) -> Path | None:
    """Where the weights are that a record's file was scored with; None where they are gone.

    Raises GanzooError where they are others.
    """
    weights = file.parent / record.weights.file if record.weights and record.weights.file else None
    if record.weights is None or weights is None or not weights.is_file():
        return None
    if sha256_of(weights) != record.weights.sha256:
        raise GanzooError(f"{weights} is not what {file} was scored with: its checksum differs; restore it")
    return weights


def recorded_config(record: Record, registry: Registry) -> Config:
    """The configuration a row was trained with. Raises GanzooError where it names a part that is not here."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "config.yaml"
        file.write_text(write_yaml(literal(record.config)), encoding="utf-8")
        return resolve(registry, None, file)


def load_record(file: Path, registry: Registry) -> Generator:
    """Load the generator of a record whose weights were kept, as :func:`load_recorded`. Raises GanzooError."""
    record = read_record(file)
    weights = weights_of(record, file)
    if weights is None:
        raise GanzooError(f"the weights of {file} were not kept; train it again with `ganzoo run --config {file}`")
    config = recorded_config(record, registry)
    return load_recorded(record, config, weights, data_root(config.values.data.root))


def load_recorded(record: Record, config: Config, weights: Path, root: Path) -> Generator:
    """A row's averaged generator on the CPU, in evaluation mode. Raises GanzooError where the weights do not fit."""
    spec = peek_configured(config, root)
    check_picture(config, spec)
    generator = build_generator(config, spec)
    try:
        generator.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise GanzooError(f"{weights} does not fit {record.recipe}: {' '.join(str(error).split())[:200]}") from error
    return generator.eval()


def _score_again(
    record: Record,
    weights: Path,
    registry: Registry,
    device: str,
    root: Path | None,
    inception: str | None,
    progress: Progress | None,
) -> tuple[dict[str, float], float]:
    if unknown := [name for name in PROTOCOL if name not in record.protocol]:
        raise GanzooError(f"it does not say how it was scored: its protocol lacks {', '.join(unknown)}")
    prepare_process()
    protocol, place = record.protocol, pick_device(device)
    config = recorded_config(record, registry)
    data = config.values.data
    root = root or data_root(None)
    split = config.dataset.reference
    real = open_configured(config, split=split, root=root)
    if real.fingerprint != protocol["fingerprint"]:
        raise GanzooError(f"{data.name}'s {split} pictures are not those of the record; get the same set")
    generator = load_recorded(record, config, weights, root)
    generator = generator.to(place).to(memory_format=torch.channels_last)
    again = score(
        registry=registry,
        names=config.values.metrics.names,
        generator=generator,
        real=real,
        fakes=protocol["fake_pictures"],
        seed=protocol["seed"],
        root=root,
        inception=inception,
        mode=protocol["extractor"],
        device=place,
        truncation=protocol["truncation"],
        progress=progress,
    )
    if again.protocol["network"] != protocol["network"]:
        raise GanzooError("the FID network here is not the recorded one; name it with --inception")
    same = protocol.get("extractor_device") == place.type
    return again.values, SAME_DEVICE if same else OTHER_DEVICE
