"""Write files and directories whole or not at all, and read the undamaged lines of text files."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError

from ganzoo.errors import GanzooError, WriteFailed
from ganzoo.utils.processes import is_alive, place
from ganzoo.utils.safe_yaml import parse_json


def user_path(text: str | Path) -> Path:
    """Return a path with ``~`` expanded; ``~NAME`` of an unknown user stays as it is, and will not be found."""
    return Path(os.path.expanduser(text))  # noqa: PTH111, pathlib raises for an unknown user


def with_tilde(text: str | Path) -> str:
    """Return a text that others will read, with each occurrence of the caller's home directory replaced by ``~``."""
    home, ends = str(Path.home()), re.escape(os.sep + os.pathsep)
    # Not at the start of a longer name: /home/ann is not the start of the path /home/anna.
    begins = r"(?<![^\s'\"=:,;(])"  # nor in the middle of one: /data/home/ann
    pattern = rf"{begins}{re.escape(home)}(?![^{ends}\s'\",;)])"
    return re.sub(pattern, "~", str(text)) if home != os.sep else str(text)


def data_root(setting: str | None) -> Path:
    """Return the directory of data sets and caches: the setting, ``GANZOO_DATA`` or ``~/.cache/ganzoo/data``."""
    return user_path(setting or os.environ.get("GANZOO_DATA") or "~/.cache/ganzoo/data")


def regular(file: Path) -> Path:
    """Return the path of a regular file. Raises OSError if it is missing, or a pipe or device, whose reading may not
    end."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    return file


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise WriteFailed, which names ``path``, if the block raises OSError."""
    try:
        yield
    except OSError as error:
        raise WriteFailed(path, error.strerror or str(error)) from error


def make_output_directory(path: Path) -> None:
    """Make the directory of ``--out``. Raises GanzooError if it exists and is not empty, or cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        empty = not any(path.iterdir())
    except FileExistsError:
        empty = False
    except OSError as error:
        raise GanzooError(f"cannot make {path}: {error.strerror}; choose another --out") from error
    if not empty:
        raise GanzooError(f"{path} already exists and is not an empty directory; choose another --out")


def open_itself(file: Path, mode: str) -> IO[Any]:
    """Open a file for writing, as text or bytes. Raises OSError for a symbolic link: a run's directory is untrusted,
    and a link in it would redirect the write."""
    encoding = None if "b" in mode else "utf-8"
    return open(file, mode, encoding=encoding, opener=_not_through_links)


def _not_through_links(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


@contextmanager
def whole_file(file: Path, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path to write to; flush it and rename it to ``file`` unless something raises.

    The file has its old or its new content, never part of it, also if several processes write it at once. After an
    error the temporary file is removed, those of dead processes by the next call in the directory. Raises OSError, also
    if the path is that of a device or a pipe, which the file would replace.

    suffix: of the temporary path, for writers that choose the format by it.
    """
    if file.exists() and not file.is_dir():
        regular(file)
    partial = _own(file, suffix)
    try:
        yield partial
        flush(partial)
        partial.replace(file)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    with suppress(OSError):
        _remove_leftovers(file.parent, file.stat().st_mtime)


def write_whole(file: Path, write: Callable[[IO[bytes]], object], *, parents: bool = False) -> None:
    """Write a file as :func:`whole_file` does. parents: make the directories above it. Raises WriteFailed."""
    with writing(file):
        if parents:
            file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as place, open_itself(place, "wb") as stream:
            write(stream)


def append_text(file: Path, text: str) -> None:
    """Append to a file; if that fails, cut it back to its old length. Raises WriteFailed."""
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
    """Flush a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(file: Path, text: str) -> None:
    """Write, flush, rename: the file has its old or its new text, never part of it. Raises WriteFailed.

    A surrogate, such as that of a non-UTF-8 byte in a file name, is written as a backslash escape.
    """
    write_whole(file, lambda stream: stream.write(text.encode(errors="backslashreplace")))


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters: untrusted text must not control a terminal."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def reason_of(error: BaseException) -> str:
    """Return what went wrong in one line."""
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def unreadable(file: object, kind: str, error: BaseException) -> GanzooError:
    """Return the error of a file that cannot be read, or that is not a whole file of its kind, as in "zip"."""
    if isinstance(error, OSError) and (error.errno or isinstance(error, URLError)):
        return GanzooError(f"cannot read {file}: {reason_of(error)}")
    return GanzooError(f"{file} is not a whole {kind} file ({reason_of(error)}); fetch or make it again")


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """Return all whole records of a jsonl file; lines that a kill cut short or that are damaged are left out."""
    if not file.is_file():  # reading a pipe may never end
        return []
    records = []
    for line in file.read_bytes().splitlines():
        try:
            record = parse_json(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


DAY = 24 * 60 * 60
LEFTOVER = re.compile(r"\..+\.(?P<host>[^.]+)\.(?P<pid>\d+)\.[0-9a-f]+\.part(\.\w+)?")
MOST_NAME = 40  # characters of a file's name in a temporary name, which may have 255 bytes


@contextmanager
def whole_directory(
    directory: Path, *, replace: bool = False, final: Callable[[], Path] | None = None
) -> Iterator[Path]:
    """Yield an empty directory to fill; flush it and rename it to ``directory`` unless something raises.

    Several processes may write the same directory at once: the first to finish wins, and the others keep its result.
    replace: replace an existing directory, which comes back if the renaming fails. final: called after the directory is
    filled; returns another final path, next to ``directory``.
    Also removes temporary directories of dead processes in the parent. Raises OSError if it cannot be written.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = _own(directory)
    partial.mkdir()
    _remove_leftovers(directory.parent, partial.stat().st_mtime)
    try:
        yield partial
        for path in [*partial.rglob("*"), partial]:
            flush(path)
        directory = final() if final else directory
        old = _moved_away(directory) if replace else None
        try:
            partial.rename(directory)
        except OSError:
            if old is not None:
                old.rename(directory)
            if replace or not directory.exists():
                raise
        flush(directory.parent)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def discard(directory: Path) -> None:
    """Remove a directory; rename it first, so that a half-removed one never looks whole.

    A process that has its files open can still read them. Raises OSError if the directory cannot be renamed.
    """
    gone = _moved_away(directory)
    if gone is not None:
        shutil.rmtree(gone, ignore_errors=True)


def _moved_away(directory: Path) -> Path | None:
    """Rename a directory to a temporary name and return its new path; None if it does not exist."""
    gone = _own(directory)
    try:
        directory.rename(gone)
    except FileNotFoundError:
        return None
    return gone


def _own(path: Path, suffix: str = "") -> Path:
    """Return a temporary path that only this process uses."""
    return path.parent / f".{path.name[:MOST_NAME]}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.part{suffix}"


def _remove_leftovers(parent: Path, now: float) -> None:
    """Remove the temporary files and directories of dead processes. now: the time on the shared disk, not on this
    machine's clock, which may differ."""
    for path in parent.glob(".*.part*"):
        if (owner := LEFTOVER.fullmatch(path.name)) and _abandoned(path, owner["host"], int(owner["pid"]), now):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):  # another user's
                    path.unlink(missing_ok=True)


def _abandoned(partial: Path, host: str, pid: int, now: float) -> bool:
    """Return whether the process that wrote a temporary file or directory is dead. A process on another machine, or
    in another container, counts as dead if it wrote nothing for a day."""
    if host == _host() and not is_alive(pid):
        return True
    try:
        written = max(path.lstat().st_mtime for path in [partial, *partial.glob("*")])
    except OSError:  # renamed or removed just now
        return False
    return now - written > DAY


def _host() -> str:
    return place().replace(".", "-")
