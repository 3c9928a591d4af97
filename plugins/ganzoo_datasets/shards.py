"""WebDataset shards: tar files of pictures, on disk or behind HTTP, read from front to back.

They are streamed once, at the first run, and kept decoded as every other set is. The library of that name is not
needed: it opens addresses through a shell.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import tarfile
import urllib.request
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from ganzoo.data.decode import Unreadable, decode
from ganzoo.data.remember import remembered
from ganzoo.entries import PictureSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadPicture, DataSource, Picture
from ganzoo.paths import user_path
from ganzoo_datasets.files import MOST_BYTES, SUFFIXES, refuse_huge

RANGE = re.compile(r"\{([0-9]{1,18})\.\.([0-9]{1,18})\}")
MOST_SHARDS = 100_000
TIMEOUT = 60  # seconds without a byte


class Shards(DataSource):
    """Every picture file in the shards that a path or an address names; ``{000..012}`` stands for a range of them.

    Labels and all else that a shard holds beside pictures are passed over.
    """

    @cached_property
    def shards(self) -> list[str]:
        """Paths or addresses, in order. Raises GanzooError where one cannot be one of either."""
        shards = list(_expand(self.location or ""))
        for shard in shards:
            try:
                scheme = urlsplit(shard).scheme if "://" in shard or shard.startswith("pipe:") else ""
                there = bool(scheme) or user_path(shard).is_file()
            except (OSError, ValueError) as error:
                raise GanzooError(f"{shard} is no place for a shard ({_short(error)}); check data.name") from error
            if scheme not in ("", "http", "https"):
                raise GanzooError(f"{shard}: shards are read from files, http:// or https:// alone; fetch them first")
            if not there:
                raise GanzooError(f"{shard} is not a file; check data.name")
        return shards

    def content_key(self) -> str:
        if any("://" in shard for shard in self.shards):
            notes = "\n".join(f"{shard} {_version(shard)}" for shard in self.shards)
            return hashlib.sha256(notes.encode()).hexdigest()
        return remembered(self.root, (user_path(shard) for shard in self.shards), self._hash)

    def _hash(self) -> tuple[str, bool]:
        digest = hashlib.sha256()
        for shard in self.shards:
            with user_path(shard).open("rb") as stream:
                while part := stream.read(2**20):
                    digest.update(part)
            digest.update(b"\0")
        return digest.hexdigest(), True

    def __len__(self) -> int:
        return sum(1 for _ in self._members())

    def __iter__(self) -> Iterator[Picture | BadPicture]:
        for name, size, content in self._members():
            try:
                refuse_huge(size)
                yield Picture(name, decode(content))
            except Unreadable as error:
                yield BadPicture(name, str(error))

    def peek(self) -> PictureSpec:
        reason = "they hold none"
        for item in self:
            if isinstance(item, Picture):
                height, width, channels = item.pixels.shape
                return PictureSpec(channels, height if height == width else 0, 0)
            reason = f"{item.name}: {item.reason}"
        raise GanzooError(f"{self.location}: no picture can be used ({reason}); check data.name")

    def _members(self) -> Iterator[tuple[str, int, bytes]]:
        """Name, size and content of every picture file."""
        for number, member, content in members(self.shards, "r|*"):
            yield f"{PurePosixPath(self.shards[number]).name}/{member.name}", member.size, content


def members(shards: Sequence[str], mode: str) -> Iterator[tuple[int, tarfile.TarInfo, bytes]]:
    """Every picture file: its shard's number, its header, its content; that of one too large to be a picture is empty.

    Raises GanzooError where a shard ends before its time, or is not what ``mode`` reads.
    """
    for number, shard in enumerate(shards):
        try:
            with _open(shard) as stream, tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
                for member in archive:
                    if member.isreg() and PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                        file = archive.extractfile(member) if member.size <= MOST_BYTES else None
                        yield number, member, file.read() if file else b""
        except Exception as error:  # tarfile, zlib and http raise many things on what is damaged
            plain = "" if mode == "r|*" else "plain "
            raise GanzooError(
                f"{shard} is not a whole {plain}tar file ({_short(error)}); fetch or make it again"
            ) from error


def _expand(pattern: str) -> Iterator[str]:
    """Every shard's name, the last range counting fastest. Raises GanzooError where there are too many."""
    ranges = [(found.span(), found[1], int(found[1]), int(found[2])) for found in RANGE.finditer(pattern)]
    count = math.prod(last - first + 1 if last >= first else 0 for _, _, first, last in ranges)
    if not 0 < count <= MOST_SHARDS:
        raise GanzooError(f"{pattern} is no range of shards, or of more than {MOST_SHARDS:,}; write {{000..012}}")
    for numbers in itertools.product(*(range(first, last + 1) for _, _, first, last in ranges)):
        name, end = "", 0
        for (span, digits, _, _), number in zip(ranges, numbers, strict=True):
            name, end = f"{name}{pattern[end : span[0]]}{number:0{len(digits)}d}", span[1]
        yield name + pattern[end:]


def _short(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _open(shard: str) -> IO[bytes]:
    if "://" not in shard:
        return user_path(shard).open("rb")
    stream: IO[bytes] = urllib.request.urlopen(shard, timeout=TIMEOUT)  # noqa: S310, http(s) by `shards`
    return stream


def _version(shard: str) -> str:
    """What the server says that changes with the content. Raises GanzooError where it says nothing."""
    if "://" not in shard:
        stat = user_path(shard).stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
    try:
        asked = urllib.request.Request(shard, method="HEAD")  # noqa: S310
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:  # noqa: S310
            noted = [answer.headers.get(name) for name in ("ETag", "Last-Modified", "Content-Length")]
    except OSError as error:
        raise GanzooError(f"{shard} cannot be opened ({error}); check data.name") from error
    if not noted[0] and not noted[1]:
        raise GanzooError(f"{shard}: its server does not say when it changes; fetch it and name the file")
    return " ".join(str(value) for value in noted)
