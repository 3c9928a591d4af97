"""Verify records: check the digest, and the score if the weights still exist. Registered weights are verified too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ganzoo.bench.leaderboard.protocols import LACKING, differing_fields
from ganzoo.bench.record import read_record
from ganzoo.bench.recorded import load_recorded, recorded_config, weights_of
from ganzoo.bench.tolerance import holds, tolerance_on
from ganzoo.config.schema import Config, Scoring
from ganzoo.data.dataset import Images
from ganzoo.distributed.device import pick_device, placed, prepare_process
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.metrics.reader import Progress
from ganzoo.metrics.score import score
from ganzoo.metrics.scored_against import open_reference, shipped_statistics, training_classes
from ganzoo.metrics.statistics_file import StatisticsFile
from ganzoo.plugin.registry import Registry
from ganzoo.runs.changes import CHANGED
from ganzoo.runs.load import load_config, restore_generator
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.store import fetch_weights
from ganzoo.runs.weights import find_weights
from ganzoo.utils.files import data_root
from ganzoo.utils.safe_yaml import numbers_of, path_or_mapping

PROTOCOL: dict[str, type | tuple[type, ...]] = {  # needed to score again
    "fingerprint": str,
    "fake_pictures": int,
    "seed": int,
    "extractor": str,
    "truncation": (int, float),
    "network": str,
}
OTHER_NETWORK = "the extractor's network is not the recorded one; name the recorded one with --weights"


@dataclass(frozen=True)
class Verdict:
    """The result of a verification.

    holds: whether the score was reproduced; None if no score was computed again. text: one line for people.
    """

    holds: bool | None
    text: str


def verify(
    file: Path,
    registry: Registry,
    *,
    device: str = "auto",
    root: Path | None = None,
    weights: str | None = None,
    inception: str | None = None,
    mode: str | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Check a record, and score its weights again under its protocol.

    weights, inception: the extractor files, as in the settings ``metrics.weights`` and ``metrics.inception``.
    mode: as in ``metrics.mode``; None for the recorded one.

    A value holds if it is within the tolerance (:func:`ganzoo.bench.tolerance.holds`). Raises GanzooError if the record
    is damaged or not valid, or if the data, the weights, the extractor network or the rest of the protocol are not the
    recorded ones.
    """
    record = read_record(file)
    if record.status != "done" or record.weights is None:
        return Verdict(None, f"{file}: digest right; a failed row, with nothing to score: {record.reason}")
    generator = weights_of(record, file)
    if generator is None:
        return Verdict(None, f"{file}: digest right; its weights are gone, so only the digest was checked")
    if not record.scores:
        return Verdict(None, f"{file}: digest and weights right; it has no score to compare")
    try:
        check_protocol(record.protocol)
        config = recorded_config(record, registry, settings_of_extractors(record.protocol, weights, inception, mode))
        loaded = load_recorded(record, config, generator, root or data_root(None))
        found, place = _score_again(record.protocol, config, loaded, device, root, progress, mode)
    except GanzooError as error:
        raise GanzooError(f"{file}: {error}") from error
    tolerance = tolerance_on(place, record.protocol, mode=mode)
    remark = f"; {CHANGED}" if CHANGED in record.marks else ""
    return _compare(str(file), record.scores, found, tolerance, remark)


def verify_weights(
    name: str,
    registry: Registry,
    *,
    device: str = "auto",
    root: Path | None = None,
    weights: str | None = None,
    inception: str | None = None,
    mode: str | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Check the checksum of registered weights, and score them again as :func:`verify` does for a record.

    The score may be that of the weights before they were rounded to float16: the tolerance is then 1e-2 on any device.
    Raises GanzooError if there are no such weights or they differ from the registered ones, and as :func:`verify` does.
    """
    entry = find_weights(registry, name)
    directory = RunDir.open(fetch_weights(registry, entry))
    noted = directory.last_score()
    values, protocol = numbers_of(noted.get("values")), noted.get("protocol")
    if not values or not isinstance(protocol, dict):
        return Verdict(None, f"{entry.name}: checksum right; it has no score to compare")
    try:
        check_protocol(protocol)
        settings = settings_of_extractors(protocol, weights, inception, mode)
        config = load_config(registry, directory, settings, scoring=True)
        checkpoint = directory.checkpoint("latest")
        generator = restore_generator(config, checkpoint, torch.device("cpu"))
        found, place = _score_again(protocol, config, generator, device, root, progress, mode)
    except GanzooError as error:
        raise GanzooError(f"{entry.name}: {error}") from error
    return _compare(entry.name, values, found, tolerance_on(place, protocol, checkpoint, mode))


def _compare(
    what: str, recorded: Mapping[str, float], found: Mapping[str, float], tolerance: float, remark: str = ""
) -> Verdict:
    """Compare the recorded values with the new ones."""
    for name, value in recorded.items():
        now = found.get(name, float("nan"))
        if not holds(now, value, tolerance):
            change = f"{name} was {value:.6g}, is now {now:.6g} (tolerance {tolerance:g})"
            return Verdict(False, f"{what}: does not hold: {change}")
    compared = ", ".join(f"{name} {found[name]:.6g}" for name in recorded)
    return Verdict(True, f"{what}: holds: {compared} (tolerance {tolerance:g}){remark}")


def check_protocol(protocol: Mapping[str, Any]) -> None:
    """Raise GanzooError if a protocol lacks a field that is needed to score again, or has one of another type."""
    if unknown := [name for name in PROTOCOL if name not in protocol]:
        raise GanzooError(f"it does not say how it was scored: its protocol lacks {', '.join(unknown)}")
    for name, kind in PROTOCOL.items():
        if not isinstance(protocol[name], kind) or isinstance(protocol[name], bool):
            raise GanzooError(f"its protocol's {name} is {str(protocol[name])[:40]!r}, which cannot be repeated")


def recorded_reference(
    protocol: Mapping[str, Any], config: Config, image: ImageSpec, root: Path
) -> Images | StatisticsFile:
    """Open the images or statistics that a protocol's score was computed against.

    image: the generator's image specification. Raises GanzooError if the fingerprint is not the recorded one.
    """
    real = open_reference(config, image, root)
    if real.fingerprint != protocol["fingerprint"]:
        own = f"{config.values.data.name}'s {config.dataset.reference} images"
        raise GanzooError(f"{config.values.metrics.reference or own} are not those of the record; get the same set")
    return real


def recorded_scoring(protocol: Mapping[str, Any], config: Config) -> Scoring:
    """Return the scoring of a configuration with the number of fakes and the seed of a protocol.

    Raises GanzooError if they are out of range.
    """
    try:
        settings = replace(config.values.metrics, fakes=protocol["fake_pictures"], seed=protocol["seed"])
    except ValueError as error:
        raise GanzooError(f"its protocol cannot be repeated: {error}") from error
    return replace(config.scoring, settings=settings)


def _score_again(
    protocol: Mapping[str, Any],
    config: Config,
    generator: Generator,
    device: str,
    root: Path | None,
    progress: Progress | None,
    mode: str | None,
) -> tuple[dict[str, float], torch.device]:
    """Return the values of a new score, and the device it was computed on. mode: as in :func:`verify`."""
    prepare_process()
    place, root = pick_device(device), root or data_root(None)
    generator = placed(generator, place)
    real = recorded_reference(protocol, config, generator.image, root)
    again = score(
        recorded_scoring(protocol, config),
        generator,
        real,
        root=root,
        device=place,
        truncation=protocol["truncation"],
        progress=progress,
        shipped=shipped_statistics(config),
        classes=training_classes(config, generator, real, root),
    )
    if _networks(again.protocol) != _networks(protocol):
        raise GanzooError(OTHER_NETWORK)
    if different := _differences(again.protocol, protocol, mode):
        raise GanzooError(f"scoring again gives another protocol: {'; '.join(different)}")
    return again.values, place


def _differences(found: Mapping[str, Any], recorded: Mapping[str, Any], mode: str | None) -> list[str]:
    """Return the fields, with both values, in which the new score's protocol differs from the recorded one.

    Fields that only one of them has are left out: another version may have written the record.
    """
    return [
        f"{key} was {noted!r}, is now {now!r}"
        for key, noted, now in differing_fields(recorded, found)
        if LACKING not in (noted, now) and (mode is None or not key.endswith("extractor"))
    ]


def _networks(protocol: Mapping[str, Any]) -> list[Any]:
    """Return the checksums of the extractors' networks, the first metric's first."""
    others = protocol.get("extractors")
    described = others.values() if isinstance(others, dict) else ()
    return [protocol["network"], *(other.get("network") for other in described if isinstance(other, dict))]


def settings_of_extractors(
    protocol: Mapping[str, Any], weights: str | None, inception: str | None, mode: str | None = None
) -> list[str]:
    """Return the settings that name extractor files and their mode.

    weights: a file, or a mapping in YAML. mode: None for that of the protocol.
    """
    settings = [f"metrics.mode={protocol['extractor'] if mode is None else mode}"]
    if weights is not None:
        settings.append(f"metrics.weights={path_or_mapping(weights)}")
    if inception is not None:
        settings.append(f"metrics.inception={inception}")
    return settings
