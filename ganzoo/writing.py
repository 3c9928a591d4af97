"""Writing: whole or not at all, and what the disk refuses said in one line. No torch here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ganzoo.errors import WriteFailed


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises WriteFailed, which names ``path``, for an OSError inside."""
    try:
        yield
    except OSError as error:
        raise WriteFailed(path, error.strerror or str(error)) from error


def open_itself(file: Path, mode: str) -> IO[Any]:
    """Open a file to be written, text or bytes. Raises OSError for a link, which would lead the writing elsewhere: a
    run's folder may come from anyone."""
    encoding = None if "b" in mode else "utf-8"
    return open(file, mode, encoding=encoding, opener=_not_through_links)


def _not_through_links(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def write_whole(file: Path, write: Callable[[IO[bytes]], object], partial: Path | None = None) -> None:
    """Write under the name ``partial``, flush, rename: the file is old or new, never half. Raises WriteFailed."""
    partial = partial or file.with_name(f".{file.name}.part")
    try:
        with writing(file):
            with open_itself(partial, "wb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(file)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_shared(file: Path, write: Callable[[IO[bytes]], object]) -> None:
    """The same where several processes may write the file, each under a name of its own, and make the folders above."""
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, write, file.with_name(f".{file.name}.{os.getpid()}.part"))


def append_text(file: Path, text: str) -> None:
    """Add to the end of a file, or leave it as long as it was. Raises WriteFailed."""
    with writing(file), open_itself(file, "ab") as stream:
        end = stream.tell()
        try:
            stream.write(text.encode())
            stream.flush()
        except OSError:
            with suppress(OSError):
                os.truncate(file, end)
            raise


def flush(path: Path) -> None:
    """Have the system put a file, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
