"""Images in files: a directory, or a zip in StyleGAN's data-set format."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ganzoo.config.schema import ALL, BASIC
from ganzoo.data.channels import AUTO, chosen_channels
from ganzoo.data.decode import decode_named, measure
from ganzoo.data.fingerprints import remembered
from ganzoo.data.kinds import Unreadable, named_formats
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError, printable
from ganzoo.interfaces import BadImage, DataSource, SourceImage
from ganzoo.utils.files import user_path
from ganzoo.utils.waiting import counted
from ganzoo_datasets.labels import FILE as LABELS
from ganzoo_datasets.labels import class_count, folders_of, labels_by_folder, parse_labels, why_no_folders
from ganzoo_datasets.names import ADDRESS, describe_left_out, is_hidden, is_image, left_out, system_files
from ganzoo_datasets.specs import spec_of

LOOKED_AT = 200  # images, to tell what most of them are
MOST_BYTES = 2**30  # no image and no list of labels is larger; what claims to be would fill the memory
PIECE = 2**16
# Of these alone a piece of the file is not more than a thousand times as large when it is unpacked.
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class _Files(DataSource):
    """Named files in a fixed order, with labels from ``dataset.json`` or from the directories, or without any.

    Hidden files and directories are passed over, since programs keep copies in them (``__MACOSX``, ``.Trash``).
    """

    @cached_property
    def path(self) -> Path:
        path = user_path(self.location or "")
        try:
            path.stat()
        except FileNotFoundError as error:
            if ADDRESS.match(self.location or ""):
                form = f"data.name={type(self).__name__.lower()}:PATH"
                raise GanzooError(f"{self.location} is an address; download it and write {form}") from error
            raise GanzooError(f"{path} does not exist; check data.name") from error
        except (OSError, ValueError) as error:
            raise GanzooError(f"{path} cannot be opened ({_short(error)}); check data.name") from error
        return path.resolve()

    @abstractmethod
    def listing(self) -> list[str]:
        """Every file's name, with ``/`` between directories. Raises GanzooError where the place holds no files."""

    @cached_property
    def _listing(self) -> list[str]:
        return sorted(self.listing())

    @cached_property
    def names(self) -> list[str]:
        """The images' names, sorted. Raises GanzooError if the set has no images."""
        found = [name for name in self._listing if is_image(name, self.formats) and not is_hidden(name)]
        if not found:
            why = f" ({counted})" if (counted := describe_left_out(self.left_out())) else ""
            raise GanzooError(f"{self.path} holds no {named_formats(self.formats)} files{why}; check data.name")
        return found

    def left_out(self) -> Mapping[str, int]:
        return left_out(self._listing, self.formats)

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file's bytes. Raises Unreadable."""

    @abstractmethod
    def files(self) -> Iterator[Path]:
        """Every file whose bytes matter."""

    @cached_property
    def _label_files(self) -> list[str]:
        return [name for name in self._listing if PurePosixPath(name).name == LABELS and not is_hidden(name)]

    @property
    def label_file(self) -> str | None:
        """The name of the ``dataset.json`` to read: the one at the top, else the only one; None without one."""
        found = self._label_files
        return LABELS if LABELS in found else found[0] if len(found) == 1 else None

    @cached_property
    def label_origin(self) -> str:
        """Where the labels come from: "json", "folders" or "none".

        Raises GanzooError if ``data.labels`` asks for what is not there.
        """
        asked, file = self.label_setting, self.label_file
        if asked == "none":
            return "none"
        if asked == "folders":
            if why := why_no_folders(self.names):
                raise GanzooError(f"data.labels=folders: {self.path}: {why}; sort them, or set data.labels=auto")
            return "folders"
        if file is not None:
            return "json"
        if asked == "json":
            below = f"{len(self._label_files)} below" if self._label_files else "none below"
            raise GanzooError(
                f"data.labels=json: {self.path} has no {LABELS} at its top ({below}); add it or set data.labels=auto"
            )
        # Several of these files may say otherwise than the directories.
        by_folder = asked == "auto" and not self._label_files and not why_no_folders(self.names)
        return "folders" if by_folder else "none"

    @cached_property
    def _folders(self) -> list[str]:
        return folders_of(self.names)

    def remarks(self) -> Sequence[str]:
        found = []
        if self.label_setting != "none" and self.label_origin == "none" and self._label_files:
            found.append(f"labels not read: {len(self._label_files)} files are named {LABELS}, none of them at the top")
        if self.label_origin == "folders":
            found.append(f"labels from its {len(self._folders)} directories")
        if self._json[1] is not None and not self.class_names():
            found.append(f"class_names in {LABELS} not read: it is not a list of {self._classes} names")
        if passed := system_files(self._listing):
            found.append(passed)
        return found

    def class_names(self) -> Sequence[str]:
        if self.label_origin == "folders":
            return self._folders
        named = self._json[1]
        fits = isinstance(named, list) and len(named) == self._classes and all(isinstance(name, str) for name in named)
        return named if fits else ()

    def label_text(self) -> bytes | None:
        """The content of ``dataset.json``; None without one. Raises GanzooError if it cannot be read."""
        if self.label_file is None:
            return None
        try:
            return self.read(self.label_file)
        except Unreadable as error:
            raise GanzooError(f"{self.path}: {self.label_file}: {error}; fix or remove it") from error

    @cached_property
    def labels(self) -> Mapping[str, int] | None:
        """Labels by name, None for a set without any. Raises GanzooError if they are not as they should be."""
        return labels_by_folder(self.names) if self.label_origin == "folders" else self._json[0]

    @cached_property
    def _json(self) -> tuple[Mapping[str, int] | None, Any]:
        """What ``dataset.json`` says if it is to be read: the labels, and ``class_names`` as they stand."""
        if self.label_origin != "json" or self.label_file is None or (text := self.label_text()) is None:
            return None, None
        where = f"{self.path}: {self.label_file}"
        labels, named = parse_labels(text, self.label_file, self.names, where)
        if labels is None and self.label_setting == "json":
            raise GanzooError(f"data.labels=json: {where} has no labels; add them, or set data.labels=auto")
        return labels, named

    def content_key(self) -> str:
        # Of the labels and formats that sets had before there were data.labels and data.formats, the keys hold.
        before = "none" if self.label_file is None else "json"
        kind = "" if self.label_origin == before else self.label_origin
        kind += f" {ALL}" if self.formats == ALL and not all(is_image(name, BASIC) for name in self.names) else ""
        return remembered(self.root, self.files(), self._hash, kind)

    def _hash(self) -> tuple[str, bool]:
        """The key, and whether every file could be read: one that could not may be readable next time."""
        digest, whole = hashlib.sha256(), True
        for name in counted(f"hashing {self.path}", self.names, len(self.names), "files"):
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

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        for name in self.names:
            try:
                label = self.labels[name] if self.labels else None
                yield decode_named(name, self.read(name), label, self.formats)
            except Unreadable as error:
                yield BadImage(name, str(error))

    def peek(self) -> ImageSpec:
        """The spec that most images have; a large set is judged by a sample."""
        sizes, channels, reason = Counter[tuple[int, int]](), Counter[int](), ""
        for name in self.names[:: -(-len(self) // LOOKED_AT)]:
            try:
                height, width, depth = measure(self.read(name), self.formats)
            except Unreadable as error:
                reason = reason or f"{printable(name)}: {error}"
                continue
            sizes[height, width] += 1
            channels[depth] += 1
        if not sizes:
            return self._peek_all(reason)
        height, width = sizes.most_common(1)[0][0]  # of as many the first by name, as when all are decoded
        return ImageSpec(chosen_channels(AUTO, channels), height if height == width else 0, self._classes)

    @property
    def _classes(self) -> int:
        return class_count(self.labels)

    def _peek_all(self, reason: str) -> ImageSpec:
        """The spec of the first image that can be used, if none of the sampled ones can."""
        for item in self:
            if isinstance(item, SourceImage):
                return spec_of(item, self._classes)
        raise GanzooError(f"{self.path}: none of its {len(self)} images can be used; the first, {reason}")


class Folder(_Files):
    """Every image file under a directory, by its path from there. Links are followed: a set may lie in a store."""

    def listing(self) -> list[str]:
        if not self.path.is_dir():
            raise GanzooError(f"{self.path} is not a directory; for a zip write data.name=zip:{self.path}")
        return [file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if not file.is_dir()]

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
        if self.label_file is not None:
            yield self.path / self.label_file


class Zip(_Files):
    """The images of a zip, read in place: nothing is unpacked, so no name in it can lead anywhere."""

    @cached_property
    def archive(self) -> zipfile.ZipFile:
        try:
            if not self.path.is_file():
                raise ValueError("it is not a regular file")
            return zipfile.ZipFile(self.path)
        except Exception as error:  # zipfile raises many things on what is no zip
            raise GanzooError(
                f"{self.path} is not a whole zip file ({_short(error)}); fetch or make it again"
            ) from error

    def listing(self) -> list[str]:
        names = Counter(name for name in self.archive.namelist() if not name.endswith("/"))
        for name, times in names.items():
            if times > 1 and (is_image(name) or name == LABELS):
                raise GanzooError(f"{self.path}: {name} is in it twice; make the zip again")
        return list(names)

    def read(self, name: str) -> bytes:
        member = self.archive.getinfo(name)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Unreadable("it is a link; put the image itself into the zip")
        if member.flag_bits & 1:
            raise Unreadable("it is encrypted; make the zip again without a password")
        if member.compress_type not in PACKED:
            raise Unreadable("it is packed by a method other than deflate; make the zip again")
        refuse_huge(member.file_size)
        try:
            # Piece by piece: never more is unpacked than it claims to hold.
            with self.archive.open(member) as stream:
                return b"".join(iter(lambda: stream.read(PIECE), b""))
        except Exception as error:  # zipfile raises many things on damaged members
            raise Unreadable(f"it is damaged in the zip ({_short(error)})") from error

    def files(self) -> Iterator[Path]:
        yield self.path


def refuse_huge(size: int) -> None:
    """Raises Unreadable where a file claims to be larger than an image can be."""
    if size > MOST_BYTES:
        raise Unreadable(f"it takes {size / 2**20:,.0f} MiB, too much for an image; check the file")


def _short(error: BaseException) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
