"""Do one job in this process: ``python -m ganzoo.bench.work JOB.json``.

A job may be stopped at any moment and started again: it continues from the state in its directory.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shlex
import shutil
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ganzoo.bench.job import NEIGHBOURS, RECORD, SAMPLES, WEIGHTS, Job
from ganzoo.bench.process import heed_parent
from ganzoo.bench.record import FAULT, SCHEMA, Budget, Cost, CurvePoint, Hardware, Record, write_record
from ganzoo.bench.record import Weights as WeightsOf
from ganzoo.config.recipe import Recipe, parse_recipe
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import MACHINE_CHOICES, Config
from ganzoo.console.display import Display
from ganzoo.data.factory import peek_configured
from ganzoo.distributed.device import pick_device
from ganzoo.errors import GanzooError, TrainingFailed, described
from ganzoo.models.build import build_model, parameter_count
from ganzoo.plugin.registry import Registry
from ganzoo.runs.by_class import BY_CLASS, read_by_class
from ganzoo.runs.changes import CHANGED, CHANGES, PLACES, plain, public_changes, read_changes
from ganzoo.runs.provenance import describe_device
from ganzoo.runs.ranking import Ranking, read_ranking
from ganzoo.runs.reproduce import plugin_options
from ganzoo.runs.requirements import parts_of, versions_of
from ganzoo.runs.run_dir import RunDir
from ganzoo.training.calibration import CALIBRATED, with_choice
from ganzoo.training.callbacks import Callback, Hooks
from ganzoo.training.run import Outcome, resume, start
from ganzoo.utils.checksum import sha256_of
from ganzoo.utils.files import read_jsonl, write_text
from ganzoo.utils.signals import INTERRUPTED, Stopped

CALIBRATION = ("loop.kimg=4", "loop.log_kimg=0.5", "loop.snapshot_kimg=4", "metrics.names=[]")


def perform(job: Job, registry: Registry, display: Display) -> bool:
    """Do the job and return whether it is finished; False if it was stopped before its end.

    An error in training or scoring becomes a failed record with a reason; an error in calibration is raised.
    """
    if job.purpose == "calibrate":
        speed = calibrate(job, registry)
        write_text(job.result, json.dumps({"pictures_per_second": speed}) + "\n")
        return True
    recipe = parse_recipe(job.cell.recipe, registry)
    config: Config | None = None
    try:
        config = resolve(registry, job.cell.recipe, None, job.all_settings)
        outcome = _train(job, config, display, Hooks(registry))
        if not outcome.finished:
            return False
        config = with_choice(config, outcome.directory.provenance().get(CALIBRATED))
        if config.values.metrics.names and not outcome.score:
            raise GanzooError(
                "it was trained but not scored, because the network of its metrics is missing; see `ganzoo eval --help`"
            )
        record = _record(job, config, outcome)
    except Exception as error:
        reason = str(error) if isinstance(error, GanzooError) else described(error)
        record = failed_record(job, recipe, reason, config)
        if isinstance(error, TrainingFailed):
            record.extra[FAULT] = True
    write_record(job.directory / RECORD, record)
    return True


def calibrate(job: Job, registry: Registry) -> float:
    """Return the training speed in images per second: the median over the log intervals of a short run."""
    settings = [*job.all_settings, *CALIBRATION]
    with tempfile.TemporaryDirectory() as scratch:
        config = resolve(registry, job.cell.recipe, None, settings)
        outcome = start(config, Display(Console(quiet=True)), Hooks(registry), out=Path(scratch) / "run")
        speeds = sorted(line["pictures_per_second"] for line in read_jsonl(outcome.directory.log_file))
    return speeds[len(speeds) // 2]


def _train(job: Job, config: Config, *callbacks: Callback) -> Outcome:
    run = job.directory / "run"
    directory = RunDir(run)
    config = with_choice(config, directory.provenance().get(CALIBRATED))
    if directory.is_of(config.to_yaml()) and not _changed(config, run):
        return resume(config, run, *callbacks)
    shutil.rmtree(run, ignore_errors=True)
    (job.directory / NEIGHBOURS).unlink(missing_ok=True)  # of the run that was just deleted; the launcher counts again
    return start(config, *callbacks, out=run)


def _changed(config: Config, run: Path) -> bool:
    """Return whether a plugin's version differs from the one at the start of the run.

    Such a run is not continued: its row would be made by two versions.
    """
    origin = RunDir(run).provenance()  # empty if damaged; it is written before training begins
    return bool(origin) and origin.get("plugins") != versions_of(parts_of(config))


def _record(job: Job, config: Config, outcome: Outcome) -> Record:
    directory, score = outcome.directory, outcome.score
    origin = directory.provenance()
    if not origin:
        raise GanzooError(f"{directory.provenance_file} is missing or damaged; train again with --retry")
    last = read_jsonl(directory.log_file)[-1]
    checkpoint = directory.checkpoint("latest")
    weights = checkpoint.path / "ema.safetensors"
    shutil.copyfile(weights, job.directory / WEIGHTS)
    shutil.copyfile(directory.samples / f"{checkpoint.path.name}.png", job.directory / SAMPLES)
    model = build_model(config, checkpoint.image or peek_configured(config))
    protocol = dict(score.get("protocol", {}))
    by_class, changes = read_by_class(score), public_changes(read_changes(origin))
    return _described(
        job,
        config.recipe,
        config,
        status="done",
        reason="",
        shown=last["shown"],
        steps_discriminator=last["steps_d"],
        steps_generator=last["steps_g"],
        scores=dict(score.get("values", {})),
        extra={**({BY_CLASS: by_class} if by_class else {}), **({CHANGES: changes} if changes else {})},
        protocol=protocol,
        cost=Cost(
            training_seconds=last["seconds"],
            evaluation_seconds=score.get("seconds", 0.0),
            pictures_per_second=last["shown"] / last["seconds"],
            peak_memory_mib=_peak_memory(pick_device(config.values.loop.device)),
        ),
        parameters={
            "generator": parameter_count(model.generator),
            "discriminator": parameter_count(model.discriminator),
        },
        versions={**origin["versions"], "python": origin["python"], "platform": origin["platform"]},
        plugins=origin["plugins"],
        git_commit=origin["git_commit"],
        weights=WeightsOf(
            sha256=sha256_of(weights),
            bytes=weights.stat().st_size,
            file=f"weights/{job.cell.name}.safetensors",
        ),
        curve=_curve(directory, read_ranking(score.get("values"), protocol)),
        samples=f"{job.cell.name}.png",
        marks=[
            *(["demonstration"] if protocol.get("demonstration") else []),
            *config.marks,
            *([CHANGED] if changes else []),
        ],
    )


def failed_record(job: Job, recipe: Recipe, reason: str, config: Config | None = None) -> Record:
    """Return the record of a failed job: the reason, how far training came, and no scores."""
    log = read_jsonl(job.directory / "run" / "log.jsonl")
    last = log[-1] if log else {}
    return _described(
        job,
        recipe,
        config,
        status="failed",
        reason=reason,
        shown=last.get("shown", 0),
        steps_discriminator=last.get("steps_d", 0),
        steps_generator=last.get("steps_g", 0),
        scores={},
        protocol={},
        cost=None,
        parameters={},
        versions={"ganzoo": version("ganzoo"), "torch": torch.__version__},
        plugins=versions_of(recipe.parts),
        git_commit=None,
        weights=None,
        curve=[],
        samples=None,
        marks=[],
    )


def _described(job: Job, recipe: Recipe, config: Config | None, **rest: Any) -> Record:
    """Return a record from the fields that finished and failed rows fill in the same way, and from ``rest``."""
    content = config.as_dict() if config else {}
    if content:
        content["data"]["root"] = None  # a path on one machine, like the two on the next line
        content["metrics"]["inception"] = content["metrics"]["weights"] = None
    settings = [setting for setting in job.all_settings if not setting.startswith(PLACES)]
    if config and config.values.loop.calibrate:
        loop = content["loop"]
        settings += [f"loop.{name}={loop[name]}" for name in MACHINE_CHOICES if loop[name] is not None]
    return Record(
        schema=SCHEMA,
        grid=job.grid,
        recipe=str(recipe),
        architecture=recipe.generator.name,
        discriminator=recipe.discriminator.name,
        loss=recipe.loss.name,
        penalties=[entry.name for entry in recipe.penalties],
        augmentation=recipe.augmentation.name if recipe.augmentation else "",
        data=job.cell.data,
        seed=job.cell.seed,
        budget=Budget(
            kimg=job.budget.get("kimg") or 0.0,
            minutes=job.budget.get("minutes"),
            calibrated_pictures_per_second=job.budget.get("calibrated_pictures_per_second"),
        ),
        hardware=hardware(config, job.directory),
        command=shlex.join(["ganzoo", "run", str(recipe), *settings, *plugin_options(rest["plugins"])]),
        config=plain(content),
        **rest,
    )


def hardware(config: Config | None, directory: Path) -> Hardware:
    """Return the description of this machine that distinguishes rows."""
    try:
        device = pick_device(config.values.loop.device if config else "auto")
    except GanzooError:
        device = torch.device("cpu")
    name = describe_device(device)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory
    origin = RunDir(directory / "run").provenance()
    threads, precision = origin.get("threads"), origin.get("precision")
    neighbours = 1
    with suppress(OSError, ValueError):
        neighbours = int((directory / NEIGHBOURS).read_text())
    return Hardware(
        kind="cpu" if device.type == "cpu" else name,
        device=name,
        cores=os.cpu_count() or 1,
        threads=threads if isinstance(threads, int) else torch.get_num_threads(),
        memory_mib=memory // 2**20,
        side_by_side=neighbours,
        precision=precision if isinstance(precision, str) else None,
    )


def _peak_memory(device: torch.device) -> float:
    """Return the peak memory in MiB: of the allocator for a CUDA device, otherwise of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _curve(directory: RunDir, ranking: Ranking | None) -> list[dict[str, Any]]:
    if ranking is None:
        return []
    seconds = {line["shown"]: line["seconds"] for line in read_jsonl(directory.log_file)}
    return [
        CurvePoint(
            kimg=line["kimg"],
            seconds=seconds.get(line["shown"], 0.0),
            value=value,
            fakes=line["protocol"]["fake_pictures"],
        ).to_dict(ranking.value)
        for line in read_jsonl(directory.scores_file)
        if (value := ranking.of(line["values"])) is not None
    ]


def main(file: str) -> int:
    """Do the job of a file and return the exit code: 0 if it is done, 130 if it was stopped."""
    job = Job.read(Path(file))
    with (job.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the process of a lost worker may still be writing its last checkpoint
        registry = Registry.load(files=job.write_plugins())
        try:
            return 0 if perform(job, registry, Display(Console())) else INTERRUPTED
        except Stopped:
            return INTERRUPTED


if __name__ == "__main__":
    heed_parent()
    sys.exit(main(sys.argv[1]))
