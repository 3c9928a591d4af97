"""One run directory for all ranks: the first rank writes it, and the others read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from ganzoo.distributed import collectives
from ganzoo.errors import GanzooError
from ganzoo.runs.checkpoint import Checkpoint
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.lock import alone_in


class Onlooker(RunDir):
    """The directory of a run that another process writes and this process only reads."""

    def check_unbegun(self) -> None:
        """Do nothing, as all methods below: the other process does it."""

    def begin(self, config_yaml: str) -> None: ...

    def rewind(self, checkpoint: Checkpoint | None) -> None: ...

    def set_aside_newer(self, checkpoint: Checkpoint) -> None: ...

    def append(self, file: Path, record: Mapping[str, Any]) -> None: ...

    def write_json(self, file: Path, content: Mapping[str, Any]) -> None: ...


@contextmanager
def reserved_run(out: Path | None, recipe: str) -> Iterator[RunDir]:
    """Make one new directory for all ranks; yield it. Raises GanzooError as :meth:`RunDir.reserve` does.

    If the block fails before a run begins in the directory, a directory that was named here is removed.
    """
    if not collectives.first():
        yield Onlooker(Path(collectives.told("")))
        return
    directory = RunDir.reserve(out, recipe)
    collectives.told(str(directory.path))
    try:
        yield directory
    except BaseException:
        with suppress(GanzooError, OSError):
            directory.check_unbegun()
            if out is None:
                rmtree(directory.path)
        raise


def open_run(path: Path) -> RunDir:
    """Open an existing run on every rank. Raises GanzooError if ``path`` is not a run."""
    return (RunDir if collectives.first() else Onlooker).open(path)


def alone_in_run(path: Path) -> AbstractContextManager[None]:
    """Return a context that holds the directory's lock; the first rank holds it for all ranks.

    Raises GanzooError if a directory of the run is a link: files are written and deleted in it.
    """
    if not collectives.first():
        return nullcontext()
    run = RunDir(path)
    for directory in (run.checkpoints, run.samples, run.verdicts, run.plugins):
        if directory.is_symlink():
            raise GanzooError(f"{directory} is a link, which may lead anywhere; put the directory itself there")
    return alone_in(path)
