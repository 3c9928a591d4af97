"""Load what a benchmark's record describes: its configuration and its generator."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from ganzoo.bench.record import Record, read_record
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.data.factory import peek_configured
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import Generator
from ganzoo.models.build import build_generator, check_image
from ganzoo.plugin.registry import Registry
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import data_root
from ganzoo.utils.safe_yaml import write_yaml
from ganzoo.utils.structured import literal


def weights_of(record: Record, file: Path) -> Path | None:
    """Return the file of the weights that a record was scored with; None if it is gone.

    Raises GanzooError if its checksum is not the recorded one.
    """
    weights = file.parent / record.weights.file if record.weights and record.weights.file else None
    if record.weights is None or weights is None or not weights.is_file():
        return None
    try:
        found = sha256_of(weights)
    except OSError as error:
        raise GanzooError(f"cannot read {weights}: {error.strerror}") from error
    if found != record.weights.sha256:
        raise GanzooError(f"{weights} is not what {file} was scored with: its checksum differs; restore it")
    return weights


def recorded_config(record: Record, registry: Registry, settings: Iterable[str] = ()) -> Config:
    """Return the configuration that a row was trained with, with the changes in ``settings``.

    Raises GanzooError if it names a part that is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "config.yaml"
        file.write_text(write_yaml(literal(record.config)), encoding="utf-8")
        try:
            return resolve(registry, None, file, settings, kept=True)
        except GanzooError as error:  # the file is gone when the message is read
            raise GanzooError(str(error).removeprefix(f"{file}: ")) from error


def load_record(
    file: Path, registry: Registry, settings: Iterable[str] = (), root: Path | None = None
) -> tuple[Record, Config, Generator]:
    """Load a record with its configuration, as :func:`recorded_config` does, and its generator, as
    :func:`load_recorded` does.

    Raises GanzooError if its weights were not kept.
    """
    record = read_record(file)
    weights = weights_of(record, file)
    if weights is None:
        raise GanzooError(f"{file}: its weights were not kept; name a row with weights, or a run")
    config = recorded_config(record, registry, settings)
    return record, config, load_recorded(record, config, weights, root or data_root(None))


def load_recorded(record: Record, config: Config, weights: Path, root: Path) -> Generator:
    """Load a row's averaged generator on the CPU, in evaluation mode. Raises GanzooError if the weights do not fit."""
    spec = _image_of(record, config, root)
    check_image(config, spec)
    generator = build_generator(config, spec)
    try:
        generator.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise GanzooError(f"{weights} does not fit {record.recipe}: {' '.join(str(error).split())[:200]}") from error
    return generator.eval()


def _image_of(record: Record, config: Config, root: Path) -> ImageSpec:
    """Return the spec of a row's images: size and channels from its protocol, since a look at the data reads only some
    of the images."""
    seen = peek_configured(config, root)
    noted = re.fullmatch(r"(\d+) x (\d+) x \d+", str(record.protocol.get("picture")))
    return seen if noted is None else replace(seen, channels=int(noted[1]), size=int(noted[2]))
