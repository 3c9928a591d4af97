"""Pack the weights of runs into a package: a published run for each, and an index of their entries.

weights/index.json   the entries, as :func:`ganzoo.packed_weights` reads them
weights/RECIPE@DATA  see :mod:`ganzoo.runs.publish`
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganzoo.entries import WeightsEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.discovery import GROUP
from ganzoo.plugin.names import check_entry
from ganzoo.plugin.registry import Registry
from ganzoo.runs.publish import Published, publish
from ganzoo.runs.ranking import ranked_value
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import whole_directory, write_text, writing
from ganzoo.weights import DIRECTORY, INDEX, read_entry


def pack(
    registry: Registry,
    run: Path,
    package: Path,
    *,
    data: str = "",
    licence: str = "",
    checkpoint: str = "latest",
    half: bool = True,
) -> WeightsEntry:
    """Put a run's averaged generator into a package and return its entry, which replaces one of the same name.

    package: the package's directory. data: the word for the images in the entry's name, by default the data set's
    name. checkpoint: "latest", "best" or a checkpoint's name. half: write float16. Raises GanzooError if the run cannot
    be loaded or its entry's name cannot be registered.
    """
    index = package / DIRECTORY / INDEX
    known = {item["name"]: item for item in _read(index)}
    with writing(index):
        index.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=index.parent) as scratch:
            published = publish(registry, run, checkpoint, Path(scratch), half=half, always=GROUP)
            item = _item(published, data, licence)
            entry = read_entry(item, package.resolve().name)
            try:
                check_entry(entry)
            except ValueError as error:
                raise GanzooError(f"{run}: {error}; give data=NAME") from error
            with whole_directory(index.parent / item["run"], replace=True) as place:
                for path in Path(scratch).iterdir():
                    path.rename(place / path.name)
    known[entry.name] = item
    write_text(index, json.dumps([known[name] for name in sorted(known)], indent=1) + "\n")
    return entry


def protocol_in_words(protocol: Mapping[str, Any]) -> str:
    """Describe in a few words which images a score was computed from, and how."""
    fakes, reals = (_count(protocol.get(key)) for key in ("fake_pictures", "real_pictures"))
    of = " ".join(str(protocol[key]) for key in ("reference", "split") if protocol.get(key))
    mode = protocol.get("extractor", "exact")
    return f"{fakes} images against {reals} of {of}" + ("" if mode == "exact" else f", {mode}")


def _item(run: Published, data: str, licence: str) -> dict[str, Any]:
    values, recipe = run.config.values, str(run.config.recipe)
    name = f"{recipe}@{data or values.data.name}"
    score = None
    if ranked := ranked_value(run.score.get("values"), run.score.get("protocol")):
        ranking, value = ranked
        protocol = protocol_in_words(run.score["protocol"])
        score = {
            "metric": ranking.value,
            "value": value,
            "protocol": protocol,
            "lower_is_better": ranking.lower_is_better,
        }
    return {
        "name": name,
        "summary": f"{recipe}, trained for {run.shown / 1000:,.5g} kimg",
        "run": name.replace("/", ","),
        "sha256": sha256_of(run.file),
        "size": run.file.stat().st_size,
        "image": asdict(run.generator.image),
        "score": score,
        "licence": licence,
    }


def _read(index: Path) -> list[dict[str, Any]]:
    """Read an index. Raises GanzooError if it is damaged."""
    if not index.exists():
        return []
    try:
        found = json.loads(index.read_text(encoding="utf-8"))
        return [{**item, "name": str(item["name"])} for item in found]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise GanzooError(f"{index} is damaged: {' '.join(str(error).split())}; remove it to begin anew") from error


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "unknown"
