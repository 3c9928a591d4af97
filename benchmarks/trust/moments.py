"""The file operations of a process, one after the other, and faults that can happen at any of them.

Use this only in a forked child, because the replaced functions are not restored.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import mmap
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = (  # a part of the path, and the kind of file; the first match counts
    ("/statistics/", "metric cache"), ("samples.png", "record"), (".npy", "data cache"), ("/cache/", "data cache"),
    ("/keys/", "data cache"),
    ("meta.json", "checkpoint"), ("state.pt", "checkpoint"), ("/checkpoints", "checkpoint"), ("/samples", "samples"),
    ("/verdicts", "samples"), ("log.jsonl", "log"), ("scores.jsonl", "scores"), ("score.json", "scores"),
    ("config.yaml", "config"), ("provenance.json", "provenance"), ("/lock", "lock"), ("report.html", "report"),
    ("/results", "record"), ("record.json", "record"), (".job.json", "record"), ("weights", "record"),
)  # fmt: skip


def kind_of(path: str) -> str:
    """Return the kind of a run's file; ``run directory`` if none of KINDS matches."""
    return next((kind for part, kind in KINDS if part in path), "run directory")


@dataclass(frozen=True)
class Moment:
    """The moment of the ``count``-th ``operation`` (from 0) on a file of ``kind``."""

    kind: str
    operation: str
    count: int = 0

    def __str__(self) -> str:
        return f"{self.operation} {self.kind} #{self.count}"


class Disk:
    """A watcher that records every operation that changes a file under ``root`` in ``seen``.

    At the moment ``at`` it calls ``fault``: before the operation, but after half of the content if that is a write.
    """

    def __init__(self, root: Path, at: Moment | None = None, fault: Callable[[], None] = lambda: None) -> None:
        self.root, self.at, self.fault = str(root), at, fault
        self.seen: list[Moment] = []
        self._counts: dict[tuple[str, str], int] = {}

    def install(self) -> Disk:
        """Replace the functions that change files. Return this object."""
        opened = builtins.open

        def open_(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wax+") or not self._ours(file):
                return opened(file, mode, *rest, **named)
            self._pass("open", file)
            return _Stream(opened(file, mode, *rest, **named), str(file), self)

        builtins.open = io.open = open_
        for module, name, operation in (
            (os, "rename", "rename"), (os, "replace", "rename"), (os, "mkdir", "mkdir"), (shutil, "rmtree", "remove"),
        ):  # fmt: skip
            setattr(module, name, self._watched(getattr(module, name), operation))
        fsync = os.fsync

        def fsync_(descriptor: int) -> None:
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            if self._ours(path):
                self._pass("fsync", path)
            fsync(descriptor)

        os.fsync = fsync_
        return self

    def _watched(self, original: Callable[..., Any], operation: str) -> Callable[..., Any]:
        def watched(path: Any, *rest: Any, **named: Any) -> Any:
            if self._ours(path):
                self._pass(operation, path)
            return original(path, *rest, **named)

        return watched

    def _ours(self, path: Any) -> bool:
        with contextlib.suppress(TypeError):
            return os.path.abspath(os.fspath(path)).startswith(self.root)  # noqa: PTH100
        return False

    def _pass(self, operation: str, path: Any) -> None:
        key = kind_of(os.fspath(path)), operation
        moment = Moment(*key, self._counts.get(key, 0))
        self._counts[key] = moment.count + 1
        self.seen.append(moment)
        if moment == self.at:
            self.fault()


class _Stream:
    """A file whose writes can fail halfway."""

    def __init__(self, stream: Any, path: str, disk: Disk) -> None:
        self._stream, self._path, self._disk = stream, path, disk

    def write(self, content: Any) -> int:
        fault = self._disk.fault

        def halfway() -> None:
            self._stream.write(content[: len(content) // 2])
            with contextlib.suppress(OSError):
                self._stream.flush()
            fault()

        self._disk.fault = halfway
        try:
            self._disk._pass("write", self._path)
        finally:
            self._disk.fault = fault
        return self._stream.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Any:
        return iter(self._stream)


def die() -> None:
    """Kill this process at once, without any clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number: int) -> Callable[[], None]:
    """Return a fault that raises OSError with this errno."""

    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


class Phase:
    """The phase of a child process, in shared memory that its parent can read even after the child's death."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 64)

    def read(self) -> str:
        """Return the last phase; "" if none is set."""
        return self._memory[:64].rstrip(b"\0").decode()

    def set(self, phase: str) -> None:
        """Set the phase, at most 64 bytes."""
        self._memory[:64] = phase.encode().ljust(64, b"\0")

    def mark(self, owner: Any, name: str, phase: str) -> None:
        """Replace ``owner.name`` so that the phase is set while it is running."""
        original = getattr(owner, name)

        def marked(*arguments: Any, **named: Any) -> Any:
            before = self.read()
            self.set(phase)
            try:
                return original(*arguments, **named)
            finally:
                self.set(before)

        setattr(owner, name, marked)
