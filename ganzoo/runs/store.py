"""Find a run by its name: a path, an address ``NAME://PLACE`` in a store that a plugin registers, or the name
``RECIPE@DATA`` of registered weights. No torch here."""

from __future__ import annotations

import shutil
from pathlib import Path

from ganzoo.entries import StoreEntry, WeightsEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.weights import check_weights, find_weights, is_packed, is_weights, place_of, weights_file
from ganzoo.utils.files import whole_directory, writing

PUBLISHED = ("config.yaml", "score.json", "provenance.json")  # the files that are copied in addition to the checkpoint


def is_address(run: str) -> bool:
    """Return whether a run is named by an address rather than a path."""
    scheme, separator, _ = run.partition("://")
    return bool(separator) and "/" not in scheme


def is_record(run: str) -> bool:
    """Return whether the name is that of a benchmark's record, not of a run."""
    return run.endswith(".json")


def check_only_checkpoint(record: str, checkpoint: str) -> None:
    """Raise GanzooError if a checkpoint of a record is named: a record has the weights of one checkpoint."""
    if checkpoint != "latest":
        raise GanzooError(f"{record} has the weights of one checkpoint; leave the checkpoint {checkpoint!r} out")


def is_elsewhere(run: str) -> bool:
    """Return whether a run is named by an address or as registered weights, so that its directory is not the user's."""
    return is_address(run) or is_weights(run)


def fetch(registry: Registry, run: str) -> Path:
    """Return a run's directory; a run at an address may be downloaded first.

    Raises GanzooError if no store or no weights have that name, if the checksum of weights is not the registered one,
    and as the store does.
    """
    if is_weights(run):
        return fetch_weights(registry, find_weights(registry, run))
    return fetch_address(registry, run) if is_address(run) else Path(run)


def fetch_address(registry: Registry, address: str) -> Path:
    """Return the directory of the run at an address. Raises GanzooError as :func:`fetch` does."""
    entry = registry.get(StoreEntry, address.partition("://")[0])
    place = entry.construct(address)
    if not isinstance(place, Path):
        raise GanzooError(f"the store {entry.name!r} returned {type(place).__name__} for {address}, not a Path")
    return place


def fetch_weights(registry: Registry, entry: WeightsEntry) -> Path:
    """Return the run directory of registered weights after a check of their checksum; weights from an address are kept
    in ``GANZOO_DATA``. Raises GanzooError as :func:`fetch` does."""
    place = place_of(entry)
    if is_packed(entry):
        check_weights(entry, place, f"reinstall {entry.owner.distribution}")
        return place
    if not place.exists():
        try:
            source = fetch_address(registry, entry.run)
        except GanzooError as error:
            raise GanzooError(f"{entry.name}: {error}") from error
        with writing(place), whole_directory(place) as partial:
            _copy(entry, source, partial)
    check_weights(entry, place, f"remove {place} to download it again")
    return place


def output_directory(run: str, directory: Path) -> Path:
    """Return the default directory for files made from a run: the run's directory, or the working directory if the
    run's is not the user's."""
    return Path() if is_elsewhere(run) else directory


def _copy(entry: WeightsEntry, source: Path, place: Path) -> None:
    """Copy the files of a published run with its newest checkpoint. Raises GanzooError if the weights are missing or
    not those of the entry."""
    check_weights(entry, source, f"update {entry.owner.distribution}, or ask its author")
    weights = weights_file(source)
    assert weights is not None
    kept = place / "checkpoints" / weights.parent.name
    kept.mkdir(parents=True)
    for file in (weights, weights.with_name("meta.json")):
        shutil.copyfile(file, kept / file.name)
    for name in PUBLISHED:
        if (source / name).is_file():
            shutil.copyfile(source / name, place / name)
