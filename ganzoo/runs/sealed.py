"""The first line of a run's ``config.yaml``: a checksum, which shows whether it was changed. No torch here."""

from __future__ import annotations

from hashlib import sha256

from ganzoo.runs.run_path import SEAL

SEALED_LINE = "# sha256 {}: take this line out where you change something on purpose\n"


def seal(config_yaml: str) -> str:
    """Return a configuration with its checksum as the first line."""
    return SEALED_LINE.format(sha256(config_yaml.encode()).hexdigest()) + config_yaml


def is_unsealed(content: bytes) -> bool:
    """Return whether a configuration has no checksum: it was changed on purpose, or an older version wrote it."""
    first = content.partition(b"\n")[0]
    return SEAL not in first and not SEAL.startswith(content) and b"\0" not in content


def is_as_written(content: bytes) -> bool:
    """Return whether a configuration has a checksum that fits."""
    first, end, rest = content.partition(b"\n")
    return first + end == SEALED_LINE.format(sha256(rest).hexdigest()).encode()
