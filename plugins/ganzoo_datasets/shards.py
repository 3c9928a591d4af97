"""WebDataset shards: tar files of pictures, on disk or behind HTTP, read from front to back.

They are streamed once, at the first run, and kept decoded as every other set is. The library of that name is not
needed: it opens addresses through a shell, and members by their names as pickles.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import urllib.request
from collections.abc import Iterator
from functools import cached_property
from http.client import HTTPResponse
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ganzoo.data.decode import Unreadable, decode
from ganzoo.data.remember import remembered
from ganzoo.entries import PictureSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadPicture, DataSource, Picture
from ganzoo.printable import printable
from ganzoo_datasets.files import SUFFIXES, refuse_huge

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_SHARDS = 100_000
TIMEOUT = 60  # seconds without a byte
GZIP = b"\x1f\x8b"
NAMES = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
MOST_NAME = 2**20  # bytes: what says more of a member than fits into its header is read as a whole


class Shards(DataSource):
    """Every picture file in the shards that a path or an address names; ``{000..012}`` stands for a range of them.

    Labels and all else that a shard holds beside pictures are passed over.
    """

    @cached_property
    def shards(self) -> list[str]:
        """Paths or addresses, in order. Raises GanzooError where one cannot be one of either."""
        shards = list(_expand(self.location or ""))
        for shard in shards:
            scheme = urlsplit(shard).scheme if "://" in shard or shard.startswith("pipe:") else ""
            if scheme not in ("", "http", "https"):
                raise GanzooError(f"{shard}: shards are read from files, http:// or https:// alone; fetch them first")
            if not scheme and not Path(shard).expanduser().is_file():
                raise GanzooError(f"{shard} is not a file; check data.name")
        return shards

    def content_key(self) -> str:
        if any("://" in shard for shard in self.shards):
            notes = "\n".join(f"{shard} {_version(shard)}" for shard in self.shards)
            return hashlib.sha256(notes.encode()).hexdigest()
        return remembered(self.root, (Path(shard).expanduser() for shard in self.shards), self._hash)

    def _hash(self) -> tuple[str, bool]:
        digest = hashlib.sha256()
        for shard in self.shards:
            with Path(shard).expanduser().open("rb") as stream:
                while part := stream.read(2**20):
                    digest.update(part)
            digest.update(b"\0")
        return digest.hexdigest(), True

    def __len__(self) -> int:
        return sum(1 for _ in self._members())

    def __iter__(self) -> Iterator[Picture | BadPicture]:
        for name, content, reason in self._members():
            try:
                if reason:
                    raise Unreadable(reason)
                yield Picture(name, decode(content))
            except Unreadable as error:
                yield BadPicture(name, str(error))

    def peek(self) -> PictureSpec:
        reason = "they hold none"
        for item in self:
            if isinstance(item, Picture):
                height, width, channels = item.pixels.shape
                return PictureSpec(channels, height if height == width else 0, 0)
            reason = f"{printable(item.name)}: {item.reason}"
        raise GanzooError(f"{self.location}: no picture can be used ({reason}); check data.name")

    def _members(self) -> Iterator[tuple[str, bytes, str]]:
        """Name and content of every picture file, or no content and the reason.

        Raises GanzooError where a shard ends before its time.
        """
        for shard in self.shards:
            try:
                with _open(shard) as stream, _open_tar(stream) as archive:
                    for member in archive:
                        if PurePosixPath(member.name).suffix.lower() in SUFFIXES and not member.isdir():
                            yield f"{PurePosixPath(shard).name}/{member.name}", *_read(archive, member)
            except (OSError, ValueError, EOFError, tarfile.TarError) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise GanzooError(f"{shard} is not a whole tar file ({reason}); fetch or make it again") from error


def _expand(pattern: str) -> Iterator[str]:
    found = RANGE.search(pattern)
    if not found:
        yield pattern
        return
    first, last = found[1], found[2]
    if not 0 <= int(last) - int(first) < MOST_SHARDS:
        raise GanzooError(f"{pattern}: {found[0]} is no range of shards; write {{000..012}}")
    for number in range(int(first), int(last) + 1):
        yield from _expand(f"{pattern[: found.start()]}{number:0{len(first)}d}{pattern[found.end() :]}")


def _open(shard: str) -> BufferedReader | HTTPResponse:
    if "://" not in shard:
        return Path(shard).expanduser().open("rb")
    stream: HTTPResponse = urllib.request.urlopen(shard, timeout=TIMEOUT)
    return stream


class _Header(tarfile.TarInfo):
    """One that tarfile neither takes for the end where it is damaged, nor fills the memory with."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise tarfile.ReadError(str(error)) from error
            raise  # the end
        if found.size < 0 or (found.type in NAMES and found.size > MOST_NAME):
            raise tarfile.ReadError(f"a header of {found.size} bytes")
        return found


def _open_tar(stream: Any) -> tarfile.TarFile:
    """Plain or packed with gzip: of other packings a few bytes may be gigabytes."""
    packed = stream.peek(len(GZIP))[: len(GZIP)] == GZIP
    return tarfile.open(fileobj=stream, mode="r|gz" if packed else "r|", tarinfo=_Header)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[bytes, str]:
    """A member's content, or no content and the reason."""
    if not member.isreg() or member.issparse():
        return b"", "it is a link, a device or a sparse file; put the picture itself into the shard"
    try:
        refuse_huge(member.size)
    except Unreadable as error:
        return b"", str(error)
    file = archive.extractfile(member)
    assert file is not None
    return file.read(), ""


def _version(shard: str) -> str:
    """What the server says that changes with the content. Raises GanzooError where it says nothing."""
    if "://" not in shard:
        stat = Path(shard).expanduser().stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
    try:
        with urllib.request.urlopen(urllib.request.Request(shard, method="HEAD"), timeout=TIMEOUT) as answer:
            noted = [answer.headers.get(name) for name in ("ETag", "Last-Modified", "Content-Length")]
    except OSError as error:
        raise GanzooError(f"{shard} cannot be opened ({error}); check data.name") from error
    if not noted[0] and not noted[1]:
        raise GanzooError(f"{shard}: its server does not say when it changes; fetch it and name the file")
    return " ".join(str(value) for value in noted)
