"""Pack the best generators of the benchmark into the wheel: ``python benchmarks/pretrained.py [--score]``.

For each of ganzoo's own architectures and each data set, it looks at the records under ``benchmarks/results`` whose
weights were kept. Among those scored with the most images it takes the best one. It writes the weights as float16 into
``plugins/ganzoo_pretrained/weights``, each with its settings, score and checksum, and deletes all other weights
from that directory.

Without ``--score``, the score is that of the record, for the float32 weights. With ``--score``, the float16 weights are
scored again under the record's protocol. This takes ten minutes per generator for 10,000 images on two cores, and needs
the data set and the score's network on this machine. Weights that are already packed with such a score keep it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ganzoo.bench.record import Record, is_older, read_record, record_files
from ganzoo.bench.recorded import load_record, recorded_config, weights_of
from ganzoo.entries import WeightsEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.run import Run
from ganzoo.runs.checkpoint import write_checkpoint
from ganzoo.runs.class_names import CLASS_NAMES
from ganzoo.runs.pack import pack
from ganzoo.runs.publish import halved
from ganzoo.runs.run_dir import RunDir
from ganzoo.runs.weights import weights_file
from ganzoo.utils.checksum import sha256_of
from ganzoo.weights import DIRECTORY, INDEX

ROOT = Path(__file__).parents[1]
RESULTS, PACKAGE = ROOT / "benchmarks/results", ROOT / "plugins/ganzoo_pretrained"
OWN, LICENCE = "ganzoo", "MIT"
MOST_MIB = 8  # the largest size of all weights together


def best_records(results: Path) -> list[Path]:
    """Return the best record of each architecture and data set, among those whose weights are on this machine.

    Only rows that are done and ranked count, with ganzoo's own parts alone and the architecture's own discriminator.
    """
    best: dict[tuple[str, str], tuple[tuple[int, float], Path]] = {}
    for file in record_files(results):
        record = read_record(file)
        if record.status != "done" or record.ranked is None or is_older(file, results):
            continue
        if record.plugins.keys() != {OWN} or record.architecture != record.discriminator:
            continue
        if weights_of(record, file) is None:
            continue
        key = record.architecture, record.data
        if key not in best or record.order < best[key][0]:
            best[key] = record.order, file
    return [file for _, (_, file) in sorted(best.items())]


def write_run(registry: Registry, file: Path, place: Path) -> Record:
    """Write a record and its weights, rounded to float16, as a run directory. Return the record."""
    record, config, generator = load_record(file, registry)
    config = recorded_config(record, registry, ["loop.device=auto"])  # a later score may run on another machine
    generator.load_state_dict(halved(generator.state_dict()))  # rounds the values; the tensors stay float32
    directory = RunDir(place)
    directory.begin(config.to_yaml())
    names = {CLASS_NAMES: list(config.dataset.class_names)} if generator.image.classes else {}
    meta = {
        "recipe": record.recipe,
        "kimg": record.shown / 1000,
        "shown": record.shown,
        "steps_discriminator": record.steps_discriminator,
        "steps_generator": record.steps_generator,
        "picture": asdict(generator.image),
        **names,
    }
    directory.checkpoints.mkdir()
    write_checkpoint(directory.checkpoints, meta, {"generator": generator, "ema": generator}, {})
    directory.note_provenance(
        {
            "recipe": record.recipe,
            "seed": record.seed,
            "data": {"name": record.data, "split": config.values.data.split},
            "device": record.hardware.device,
            "threads": record.hardware.threads,
            "python": record.versions.get("python"),
            "platform": record.versions.get("platform"),
            "versions": {name: found for name, found in record.versions.items() if name not in ("python", "platform")},
            "git_commit": record.git_commit,
        }
    )
    note_score(directory, record, {"values": record.scores, "protocol": record.protocol, "seconds": 0.0})
    return record


def note_score(directory: RunDir, record: Record, score: Mapping[str, Any]) -> None:
    """Write a score as that of the run's only checkpoint."""
    (checkpoint,) = directory.checkpoints.iterdir()
    directory.write_json(directory.score_file, score)
    line = {"checkpoint": checkpoint.name, "shown": record.shown, "kimg": record.shown / 1000, **score}
    directory.scores_file.write_text(json.dumps(line) + "\n", encoding="utf-8")


def known_score(package: Path, entry: WeightsEntry, record: Record) -> dict[str, Any] | None:
    """Return an earlier score of these same float16 weights; None if only the record's score is known."""
    place = package / DIRECTORY / entry.run.rpartition("/")[2]
    found = RunDir(place).last_score()
    file = weights_file(place)
    same = file is not None and sha256_of(file) == entry.sha256
    return found if same and found.get("values") not in (None, record.scores) else None


def pack_record(registry: Registry, file: Path, package: Path, score: bool) -> WeightsEntry:
    """Pack the weights of one record. ``score``: score the float16 weights unless they have a score already."""
    with tempfile.TemporaryDirectory() as scratch:
        run, trial = Path(scratch) / "run", Path(scratch) / package.name
        run.mkdir()
        record = write_run(registry, file, run)
        found = known_score(package, pack(registry, run, trial, licence=LICENCE), record)
        if found is None and score:
            found = Run(run).evaluate().to_dict()
        if found is not None:
            note_score(RunDir(run), record, found)
        return pack(registry, run, package, licence=LICENCE)


def remove_others(package: Path, names: set[str]) -> None:
    """Remove packed weights whose name is not among ``names``."""
    index = package / DIRECTORY / INDEX
    items = json.loads(index.read_text(encoding="utf-8"))
    for item in items:
        if item["name"] not in names:
            shutil.rmtree(package / DIRECTORY / item["run"])
    kept = [item for item in items if item["name"] in names]
    index.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Pack the weights and print their names. Raises GanzooError if no record has weights or the total is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", action="store_true", help="score the float16 weights again")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--package", type=Path, default=PACKAGE)
    options = parser.parse_args(arguments)
    registry = Registry.load()
    entries = []
    for file in best_records(options.results):
        entry = pack_record(registry, file, options.package, options.score)
        entries.append(entry)
        said = f"{entry.score.metric} {entry.score.value:.2f}" if entry.score else "not scored"
        print(f"{entry.name}: {said}, {entry.size / 2**20:.2f} MiB, from {file}")
    if not entries:
        raise GanzooError(f"no record under {options.results} has kept its weights")
    remove_others(options.package, {entry.name for entry in entries})
    size = sum(file.stat().st_size for file in (options.package / DIRECTORY).rglob("*") if file.is_file())
    print(f"{size / 2**20:.2f} MiB in all")
    if size > MOST_MIB * 2**20:
        raise GanzooError(f"the weights are {size / 2**20:.1f} MiB together, more than {MOST_MIB}; pack fewer")


if __name__ == "__main__":
    try:
        main()
    except GanzooError as error:
        sys.exit(f"pretrained: {error}")
