"""Pictures in files: a folder, or a zip in StyleGAN's data-set format."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from ganzoo.data.decode import Unreadable, decode
from ganzoo.data.remember import remembered
from ganzoo.entries import PictureSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadPicture, DataSource, Picture
from ganzoo.paths import user_path
from ganzoo.plain import parse_long_json
from ganzoo.printable import printable

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
LABELS = "dataset.json"
# No picture and no list of labels is larger; what claims to be would fill the memory.
MOST_BYTES = 2**30
MOST_CLASSES = 2**20
PIECE = 2**16
# Of these alone a piece of the file is not more than a thousand times as large when it is unpacked.
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class _Files(DataSource):
    """Named files in a fixed order, and labels from ``dataset.json`` where there is one."""

    @cached_property
    def path(self) -> Path:
        path = user_path(self.location or "")
        try:
            path.stat()
        except FileNotFoundError as error:
            raise GanzooError(f"{path} does not exist; check data.name") from error
        except (OSError, ValueError) as error:
            raise GanzooError(f"{path} cannot be opened ({_short(error)}); check data.name") from error
        return path.resolve()

    @cached_property
    @abstractmethod
    def names(self) -> list[str]:
        """The pictures' names, sorted. GanzooError where there are none."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file's bytes. Raises Unreadable."""

    @abstractmethod
    def files(self) -> Iterator[Path]:
        """Every file whose bytes matter."""

    @abstractmethod
    def label_text(self) -> bytes | None:
        """The content of ``dataset.json``, None where there is none."""

    @cached_property
    def labels(self) -> Mapping[str, int] | None:
        """Labels by name, None where the set has none. Raises GanzooError where the file is not as it should be."""
        text = self.label_text()
        if text is None:
            return None
        where = f"{self.path}: {LABELS}"
        try:
            pairs = parse_long_json(text)["labels"]
        except (ValueError, KeyError, TypeError) as error:
            raise GanzooError(
                f'{where} is not of the form {{"labels": [[NAME, NUMBER], ...]}}; mend or remove it'
            ) from error
        if pairs is None:
            return None
        labels = {}
        for pair in pairs if isinstance(pairs, list) else [pairs]:
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and _is_class(pair[1])):
                raise GanzooError(f"{where}: {str(pair)[:60]} is not a name and a class number from 0; mend it")
            if pair[0] in labels:
                raise GanzooError(f"{where} has two labels for {pair[0]}; remove one")
            labels[pair[0]] = pair[1]
        if surplus := set(labels) - set(self.names):
            raise GanzooError(f"{where} has a label for {min(surplus)}, which is not among its pictures; remove it")
        if missing := set(self.names) - set(labels):
            raise GanzooError(f"{where} has no label for {min(missing)}; add it, or remove {LABELS}")
        return labels

    def content_key(self) -> str:
        return remembered(self.root, self.files(), self._hash)

    def _hash(self) -> tuple[str, bool]:
        """The key, and whether every file could be read: one that could not may be readable next time."""
        digest, whole = hashlib.sha256(), True
        for name in self.names:
            try:
                content = self.read(name)
            except Unreadable as error:
                content = str(error).encode()
                whole = False
            digest.update(hashlib.sha256(content).digest() + name.encode(errors="surrogateescape") + b"\0")
        digest.update(json.dumps(dict(self.labels) if self.labels else None, sort_keys=True).encode())
        return digest.hexdigest(), whole

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Picture | BadPicture]:
        for name in self.names:
            try:
                yield Picture(name, decode(self.read(name)), self.labels[name] if self.labels else None)
            except Unreadable as error:
                yield BadPicture(name, str(error))

    def peek(self) -> PictureSpec:
        reason = ""
        for item in self:
            if isinstance(item, Picture):
                height, width, channels = item.pixels.shape
                classes = max(self.labels.values()) + 1 if self.labels else 0
                return PictureSpec(channels, height if height == width else 0, classes)
            reason = reason or f"{printable(item.name)}: {item.reason}"
        raise GanzooError(f"{self.path}: none of its {len(self)} pictures can be used; the first, {reason}")


class Folder(_Files):
    """Every picture file under a folder, by its path from there. Links are followed: a set may lie in a store."""

    @cached_property
    def names(self) -> list[str]:
        if not self.path.is_dir():
            raise GanzooError(f"{self.path} is not a folder; for a zip write data.name=zip:{self.path}")
        found = sorted(
            file.relative_to(self.path).as_posix()
            for file in self.path.rglob("*")
            if file.suffix.lower() in SUFFIXES and not file.is_dir()
        )
        if not found:
            raise GanzooError(f"{self.path} holds no PNG, JPEG or WebP files; check data.name")
        return found

    def read(self, name: str) -> bytes:
        file = self.path / name
        try:
            found = file.stat()
            if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for ever, reading a device never end
                raise Unreadable("it is a pipe, a socket or a device, no file; remove it")
            refuse_huge(found.st_size)
            return file.read_bytes()
        except OSError as error:
            raise Unreadable(f"it cannot be read ({_short(error)})") from error

    def files(self) -> Iterator[Path]:
        yield from (self.path / name for name in self.names)
        if (self.path / LABELS).is_file():
            yield self.path / LABELS

    def label_text(self) -> bytes | None:
        if not (self.path / LABELS).is_file():
            return None
        try:
            return self.read(LABELS)
        except Unreadable as error:
            raise GanzooError(f"{self.path / LABELS}: {error}; mend or remove it") from error


class Zip(_Files):
    """The pictures of a zip, read in place: nothing is unpacked, so no name in it can lead anywhere."""

    @cached_property
    def archive(self) -> zipfile.ZipFile:
        try:
            if not self.path.is_file():
                raise ValueError("it is no file")
            return zipfile.ZipFile(self.path)
        except Exception as error:  # zipfile raises many things on what is no zip
            raise GanzooError(
                f"{self.path} is not a whole zip file ({_short(error)}); fetch or make it again"
            ) from error

    @cached_property
    def names(self) -> list[str]:
        names = Counter(name for name in self.archive.namelist() if not name.endswith("/"))
        found = sorted(name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES)
        for name in (*found, LABELS):
            if names[name] > 1:
                raise GanzooError(f"{self.path}: {name} is in it twice; make the zip again")
        if not found:
            raise GanzooError(f"{self.path} holds no PNG, JPEG or WebP files; check data.name")
        return found

    def read(self, name: str) -> bytes:
        member = self.archive.getinfo(name)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Unreadable("it is a link; put the picture itself into the zip")
        if member.flag_bits & 1:
            raise Unreadable("it is encrypted; make the zip again without a password")
        if member.compress_type not in PACKED:
            raise Unreadable("it is packed otherwise than by deflate; make the zip again")
        refuse_huge(member.file_size)
        try:
            # Piece by piece: never more is unpacked than it claims to hold.
            with self.archive.open(member) as stream:
                return b"".join(iter(lambda: stream.read(PIECE), b""))
        except Exception as error:  # zipfile raises many things on damaged members
            raise Unreadable(f"it is damaged in the zip ({_short(error)})") from error

    def files(self) -> Iterator[Path]:
        yield self.path

    def label_text(self) -> bytes | None:
        if LABELS not in self.archive.namelist():
            return None
        try:
            return self.read(LABELS)
        except Unreadable as error:
            raise GanzooError(f"{self.path}: {LABELS}: {error}; make the zip again") from error


def _is_class(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_CLASSES


def refuse_huge(size: int) -> None:
    """Raises Unreadable where a file claims to be larger than a picture can be."""
    if size > MOST_BYTES:
        raise Unreadable(f"it takes {size / 2**20:,.0f} MiB, more than a picture can; check what it is")


def _short(error: BaseException) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
