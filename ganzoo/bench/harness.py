"""Run a grid: calibrate, train the rows that have no record yet, publish each record as it is finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ganzoo.bench.grid import Cell, Grid, cells
from ganzoo.bench.job import RECORD, SAMPLES, WEIGHTS, Job
from ganzoo.bench.launcher import Launcher
from ganzoo.bench.outdated import changed_settings
from ganzoo.bench.record import FAULT, GRID_FILE, Record, read_record, read_records, write_record
from ganzoo.config.recipe import parse_recipe
from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.config.settings import read_settings, typed
from ganzoo.entries import LauncherEntry
from ganzoo.errors import Damaged, GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.files import write_text, writing
from ganzoo.utils.lock import alone_in
from ganzoo.utils.safe_yaml import is_number, parse_json
from ganzoo.utils.structured import read_as
from ganzoo.utils.waiting import counted

Say = Callable[[str], None]


class Harness:
    """The runner of one grid.

    results: the directory for what is kept. work: the directory for the runs during training. Each has a subdirectory
    per grid.
    """

    def __init__(
        self, grid: Grid, registry: Registry, launcher: Launcher, results: Path, work: Path, say: Say = print
    ) -> None:
        self.grid, self.registry, self.launcher, self.say = grid, registry, launcher, say
        self.results, self.work = results / grid.name, work / grid.name
        self.cells = cells(grid, registry)
        self.plugins = {name: path.read_text(encoding="utf-8") for name, path in registry.files.items()}

    def run(self, *, keep: int = 3, retry: bool = False) -> list[Record]:
        """Run the grid and return all its records. Existing records are kept; ``retry`` runs failed ones again.

        keep: the number of best rows of each data set whose weights are kept. Raises GanzooError if another process
        runs this grid in the same directory.
        """
        with writing(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        with alone_in(self.work):
            return self._run(keep, retry)

    def _run(self, keep: int, retry: bool) -> list[Record]:
        self._claim_directory()
        self._set_damaged_aside()
        missing = [cell for cell in self.cells if not self._file(cell).exists() or (retry and self._forget(cell))]
        self.say(f"{self.grid.name}: {len(self.cells) - len(missing)} of {len(self.cells)} rows have a record")
        self._warn_of_changes()
        budgets = self._budgets(missing)
        jobs = [self._job(cell, budgets[cell.combination]) for cell in missing if cell.combination in budgets]
        for job, reason in counted("training and scoring", self.launcher.run(jobs), len(jobs), "jobs"):
            if reason := reason or _lost(job):
                self._fail(job, reason)
            self._publish(job)
        records = [read_record(self._file(cell)) for cell in self.cells if self._file(cell).exists()]
        self._prune_weights(keep)
        return records

    @property
    def _notes(self) -> Path:
        """The file with the grid and each combination's budget. It is next to the records but is not a record."""
        return self.results / GRID_FILE

    def _note(self, budgets: dict[str, Any]) -> None:
        write_text(self._notes, json.dumps({"grid": asdict(self.grid), "budgets": budgets}, indent=1) + "\n")

    def _claim_directory(self) -> None:
        """Create the directory of results, or check that an existing one was made with the same budget and settings.

        Rows and seeds may be added to a grid later. Raises GanzooError if kimg, minutes or settings differ.
        """
        with writing(self.results):
            self.results.mkdir(parents=True, exist_ok=True)
        if not self._notes.exists():
            self._note({})
            return
        before, now = self._noted()[0], asdict(self.grid)
        for key in ("kimg", "minutes", "settings"):
            if before.get(key) != now[key]:
                raise GanzooError(
                    f"{self.results} was made with {key} {before.get(key)}, not {now[key]}; "
                    "give this grid another --name"
                )

    def _noted(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the grid and the budgets that :meth:`_note` wrote. Raises GanzooError if the file is damaged."""
        try:
            noted = parse_json(self._notes.read_bytes())
            grid, budgets = noted["grid"], noted["budgets"]
            whole = isinstance(grid, dict) and all(is_number(budget["kimg"]) for budget in budgets.values())
        except (ValueError, LookupError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise GanzooError(f"{self._notes} is damaged; restore it, or give this grid another --name")
        return grid, budgets

    def _file(self, cell: Cell) -> Path:
        return self.results / f"{cell.name}.json"

    def _set_damaged_aside(self) -> None:
        """Rename damaged records, so that they are made again from what is left of their runs."""
        for file in (file for cell in self.cells if (file := self._file(cell)).exists()):
            try:
                read_record(file)
            except Damaged as error:
                aside = file.with_suffix(".damaged")
                file.replace(aside)
                self.say(f"warning: {error}; the record is made again, the damaged file is now {aside.name}")

    def _warn_of_changes(self) -> None:
        """Name the finished records whose recipes have other settings today, with those settings."""
        today: dict[str, Config] = {}
        for cell in (cell for cell in self.cells if self._file(cell).exists()):
            record = read_record(self._file(cell))
            if record.status != "done":
                continue
            with suppress(GanzooError):  # the record stays, even if its recipe cannot be trained here
                if cell.combination not in today:
                    settings = self._job(cell, {"kimg": record.budget.kimg}).all_settings
                    today[cell.combination] = resolve(self.registry, cell.recipe, None, settings)
                if changed := changed_settings(record, today[cell.combination]):
                    self.say(
                        f"warning: {self._file(cell)} was made with other settings than its recipe has today "
                        f"({'; '.join(changed)}); to train the row with them, delete the record and call this again"
                    )

    def _forget(self, cell: Cell) -> bool:
        """Return whether the row has failed. If so, delete its record, and its run if training itself failed.

        Such a run would only fail again. Any other is resumed, such as one whose process was killed; one that was
        trained but not scored is scored now. Without a record the row is like any other: if the grid is stopped, the
        next call resumes the row.
        """
        record = read_record(self._file(cell))
        if record.status != "failed":
            return False
        if record.extra.get(FAULT):
            shutil.rmtree(self.work / cell.name, ignore_errors=True)
        self._file(cell).unlink()
        return True

    def _job(self, cell: Cell, budget: dict[str, float | None]) -> Job:
        settings = tuple(self.grid.settings)
        return Job("train", self.grid.name, cell, self.work / cell.name, settings, budget, self.plugins)

    def _budgets(self, missing: list[Cell]) -> dict[str, dict[str, float | None]]:
        """Return the budget of each combination, with its kimg.

        A measured budget is saved at once and never measured again, so that an interrupted grid gives the same results
        as an uninterrupted one. A combination whose speed cannot be measured gets failed records and no budget.
        """
        if self.grid.kimg is not None:
            return {cell.combination: {"kimg": self.grid.kimg} for cell in missing}
        assert self.grid.minutes is not None
        known = self._noted()[1]
        unknown = {cell.combination: cell for cell in missing if cell.combination not in known}
        jobs = [
            replace(self._job(cell, {}), purpose="calibrate", directory=self.work / f"{name}--speed")
            for name, cell in unknown.items()
        ]
        for job, reason in counted("measuring speeds", self.launcher.run(jobs, alone=True), len(jobs), "jobs"):
            if reason := reason or _lost(job):
                for cell in (c for c in missing if c.combination == job.cell.combination):
                    train = self._job(cell, {"minutes": self.grid.minutes})
                    self._fail(train, f"its speed could not be measured: {reason}")
                    self._publish(train)
                continue
            speed = json.loads(job.result.read_text())["pictures_per_second"]
            kimg = speed * self.grid.minutes * 60 / 1000
            known[job.cell.combination] = {
                "kimg": round(kimg, 1) or float(f"{kimg:.2g}"),
                "minutes": self.grid.minutes,
                "calibrated_pictures_per_second": round(speed, 1),
            }
            known |= self._noted()[1]  # a call on another machine may have measured it meanwhile
            self._note(known)
            self.say(f"{job.cell.combination}: {speed:.0f} images/s")
        return known

    def _fail(self, job: Job, reason: str) -> None:
        from ganzoo.bench.work import failed_record  # imports torch, which this process does not need otherwise

        recipe, config = parse_recipe(job.cell.recipe, self.registry), None
        with suppress(GanzooError):  # the settings may be what failed; with them the record joins its row
            config = resolve(self.registry, job.cell.recipe, None, job.all_settings)
        write_record(job.directory / RECORD, failed_record(job, recipe, reason, config))

    def _publish(self, job: Job) -> None:
        """Copy what is kept of a job to the results. The record comes last: if it exists, the rest does too.

        If the results cannot be written, the next call publishes the record again. Raises WriteFailed.
        """
        record, name = read_record(job.directory / RECORD), job.cell.name
        if record.status == "done":
            with writing(self.results):
                (self.results / "weights").mkdir(exist_ok=True)
                shutil.copyfile(job.directory / SAMPLES, self.results / f"{name}.png")
                shutil.copyfile(job.directory / WEIGHTS, self.results / "weights" / f"{name}.safetensors")
        write_record(self._file(job.cell), record)
        self.say(f"{name}: {_result(record)}")

    def _prune_weights(self, keep: int) -> None:
        """Delete the weights of all but the ``keep`` best rows of each data set.

        The best seed of every combination comes before any second seed. All records of the directory take part, since
        this call may name only a few of them. If one cannot be read, no weights are deleted.
        """
        try:
            records = read_records(self.results)
        except GanzooError as error:
            self.say(f"warning: {error}; no weights were deleted")
            return
        seeds_of: dict[str, dict[str, list[tuple[float, str]]]] = {}  # by data set, then by recipe
        for record in records:
            if record.ranked and record.weights:
                ranking, value = record.ranked
                seeds = seeds_of.setdefault(record.data, {}).setdefault(record.recipe, [])
                seeds.append((ranking.key(value), str(record.weights.file)))
        kept = set[Path]()
        for recipes in seeds_of.values():
            rows = sorted((place, *seed) for seeds in recipes.values() for place, seed in enumerate(sorted(seeds)))
            kept |= {self.results / file for _, _, file in rows[:keep]}
        for file in (self.results / "weights").glob("*.safetensors"):
            if file not in kept:
                file.unlink()


def _lost(job: Job) -> str:
    """Return in words which file of a job the launcher lost, though it calls the job done; "" if none is missing."""
    files = [job.result]
    if job.result.is_file() and job.purpose == "train" and read_record(job.result).status == "done":
        files = [job.directory / SAMPLES, job.directory / WEIGHTS]
    missing = [file.name for file in files if not file.is_file()]
    return f"its launcher left no {' and no '.join(missing)} in its directory" if missing else ""


def _result(record: Record) -> str:
    """Return the outcome of a row in a few words."""
    if record.status == "failed":
        return f"failed: {record.reason}"
    if record.ranked is None:
        return "done"
    ranking, value = record.ranked
    return ranking.words(value)


def make_launcher(registry: Registry, name: str | None, settings: list[str]) -> Launcher:
    """Return the launcher of that name, or the default one, with its parameters set by KEY=VALUE.

    Raises GanzooError if there is no such launcher or a parameter is not valid.
    """
    entry = registry.get(LauncherEntry, name) if name else registry.default(LauncherEntry)
    if entry is None:
        raise GanzooError("there is no default launcher; name one with --launcher (`ganzoo list` shows them)")
    try:
        params: Any = read_as(entry.params, typed(read_settings(settings), OmegaConf.structured(entry.params), str))
    except ValueError as error:
        raise GanzooError(f"launcher {entry.name}: {error}") from error
    launcher: Launcher = entry.construct(params)
    return launcher
