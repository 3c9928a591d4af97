"""WebDataset shards: tar files of images, on disk or on an HTTP server, read from start to end.

They are read once, in the first run, and kept decoded as every other set. The library webdataset is not used: it opens
addresses through a shell, and unpickles members because of their names.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from http.client import HTTPException, HTTPResponse
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ganzoo.config.schema import ALL
from ganzoo.data.decode import decode_named
from ganzoo.data.fingerprints import remembered
from ganzoo.data.kinds import Unreadable
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError, printable
from ganzoo.interfaces import BadImage, DataSource, SourceImage
from ganzoo.utils.files import reason_of, unreadable, user_path
from ganzoo.utils.waiting import counted
from ganzoo_datasets.files import refuse_huge
from ganzoo_datasets.names import is_hidden, is_image, left_out
from ganzoo_datasets.specs import spec_of

RANGE = re.compile(r"\{([0-9]{1,18})\.\.([0-9]{1,18})\}")
MOST_SHARDS = 100_000
TIMEOUT = 60  # seconds without a byte
GZIP = b"\x1f\x8b"
NAMES = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
MOST_NAME = 2**20  # bytes of an extended header of a member, which tarfile reads as a whole


class Shards(DataSource):
    """The image files in the shards of a path or an address, in which ``{000..012}`` is a range of shards.

    Labels and all other files in the shards are skipped.
    """

    counted = False

    def __init__(self, location: str | None, root: Path, split: str) -> None:
        super().__init__(location, root, split)
        self._passed: list[str] = []  # the names of the files that the last pass through the shards skipped

    @cached_property
    def shards(self) -> list[str]:
        """The paths or addresses of the shards, in order. Raises GanzooError if one is neither."""
        shards = list(_expand(self.location or ""))
        for shard in shards:
            try:
                scheme = urlsplit(shard).scheme if "://" in shard or shard.startswith("pipe:") else ""
                there = bool(scheme) or user_path(shard).is_file()
            except (OSError, ValueError) as error:
                raise GanzooError(
                    f"{shard} is not a location of a shard ({reason_of(error)}); check data.name"
                ) from error
            if scheme not in ("", "http", "https"):
                raise GanzooError(f"{shard}: shards are read only from files, http:// or https://; download them first")
            if not there:
                raise GanzooError(f"{shard} is not a file; check data.name")
        return shards

    def content_key(self) -> str:
        if any("://" in shard for shard in self.shards):
            shards = counted("asking for the shards' versions", self.shards, len(self.shards), "shards")
            notes = "\n".join(f"{shard} {_version(shard)}" for shard in shards)
            return hashlib.sha256(notes.encode()).hexdigest()
        return remembered(self.root, (user_path(shard) for shard in self.shards), self._hash)

    def _hash(self) -> tuple[str, bool]:
        digest = hashlib.sha256()
        for shard in counted("hashing shards", self.shards, len(self.shards), "shards"):
            with user_path(shard).open("rb") as stream:
                while part := stream.read(2**20):
                    digest.update(part)
            digest.update(b"\0")
        return digest.hexdigest(), True

    def __len__(self) -> int:
        return sum(1 for _ in self._members())

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        for name, content, reason in self._members():
            yield BadImage(name, reason) if reason else decode_named(name, content, formats=self.formats)

    def peek(self) -> ImageSpec:
        reason = "they hold none"
        for item in self:
            if isinstance(item, SourceImage):
                return spec_of(item)
            reason = f"{printable(item.name)}: {item.reason}"
        raise GanzooError(f"{self.location}: no image can be used ({reason}); check data.name")

    def left_out(self) -> Mapping[str, int]:
        """Return the numbers of unused images by reason; complete only after all images were read."""
        return left_out(self._passed, self.formats)

    def remarks(self) -> Sequence[str]:
        return ("labels in shards are not read",)

    def _members(self) -> Iterator[tuple[str, bytes, str]]:
        """Yield the name and content of each image file, and the reason if it is unreadable, otherwise ""."""
        for number, member, content, reason in members(self.shards, self._passed, self.formats):
            yield f"{PurePosixPath(self.shards[number]).name}/{member.name}", content, reason


def members(
    shards: Sequence[str], passed: list[str], formats: str = ALL, *, plain: bool = False
) -> Iterator[tuple[int, tarfile.TarInfo, bytes, str]]:
    """Yield each image file: the number of its shard, its header, its content and the reason if it is unreadable.

    An unreadable file has an empty content, a readable one an empty reason. passed: receives the names of all other
    files. Raises GanzooError if a shard is truncated or damaged, or compressed although ``plain`` is set.
    """
    passed.clear()
    for number, shard in enumerate(shards):
        try:
            with _open(shard) as stream, _open_tar(stream, plain) as archive:
                for member in archive:
                    if member.isdir():
                        continue
                    if not is_image(member.name, formats) or is_hidden(member.name):
                        passed.append(member.name)
                    else:
                        yield number, member, *_read(archive, member)
        except Exception as error:  # tarfile, zlib and http raise many types of errors for damaged shards
            raise unreadable(shard, "plain tar" if plain else "tar", error) from error


def _expand(pattern: str) -> Iterator[str]:
    """Yield the name of each shard; the last range counts fastest. Raises GanzooError for none or too many shards."""
    ranges = [(found.span(), found[1], int(found[1]), int(found[2])) for found in RANGE.finditer(pattern)]
    count = math.prod(last - first + 1 if last >= first else 0 for _, _, first, last in ranges)
    if not 0 < count <= MOST_SHARDS:
        raise GanzooError(f"{pattern} is not a range of shards, or has more than {MOST_SHARDS:,}; write {{000..012}}")
    for numbers in itertools.product(*(range(first, last + 1) for _, _, first, last in ranges)):
        name, end = "", 0
        for (span, digits, _, _), number in zip(ranges, numbers, strict=True):
            name, end = f"{name}{pattern[end : span[0]]}{number:0{len(digits)}d}", span[1]
        yield name + pattern[end:]


def _open(shard: str) -> BufferedReader | HTTPResponse:
    if "://" not in shard:
        return user_path(shard).open("rb")
    stream: HTTPResponse = urllib.request.urlopen(shard, timeout=TIMEOUT)  # noqa: S310, http(s): see Shards.shards
    return stream


class _Header(tarfile.TarInfo):
    """A header for which tarfile raises if it is damaged, instead of ending there, or if its size is unsafe."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf) or not buf:
                raise tarfile.ReadError(str(error) if buf else "its end is missing") from error
            raise  # zeros: the end of the archive
        if found.size < 0 or (found.type in NAMES and found.size > MOST_NAME):
            raise tarfile.ReadError(f"a header of {found.size} bytes")
        return found


def _open_tar(stream: Any, plain: bool) -> tarfile.TarFile:
    """Open a tar file, plain or compressed with gzip; with other methods, a few bytes may unpack to gigabytes."""
    packed = not plain and stream.peek(len(GZIP))[: len(GZIP)] == GZIP
    return tarfile.open(fileobj=stream, mode="r|gz" if packed else "r|", tarinfo=_Header)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[bytes, str]:
    """Return a member's content and an empty reason, or no content and the reason why it is unreadable."""
    if not member.isreg() or member.issparse():
        return b"", "it is a link, a device or a sparse file; put the image itself into the shard"
    try:
        refuse_huge(member.size)
    except Unreadable as error:
        return b"", str(error)
    file = archive.extractfile(member)
    assert file is not None
    return file.read(), ""


def _version(shard: str) -> str:
    """Return a text that changes with the content of a shard: size and time, or headers of its server.

    Raises GanzooError if the server does not send such headers.
    """
    if "://" not in shard:
        stat = user_path(shard).stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
    try:
        asked = urllib.request.Request(shard, method="HEAD")  # noqa: S310
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:  # noqa: S310
            noted = [answer.headers.get(name) for name in ("ETag", "Last-Modified", "Content-Length")]
    except (OSError, HTTPException, ValueError) as error:
        raise GanzooError(f"{shard} cannot be opened ({error}); check data.name") from error
    if not noted[0] and not noted[1]:
        raise GanzooError(f"{shard}: its server does not report changes; download it and name the file")
    return " ".join(str(value) for value in noted)
