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

from ganzoo.data.channels import AUTO, chosen_channels
from ganzoo.data.decode import Unreadable, decode, measure
from ganzoo.data.fingerprints import remembered
from ganzoo.entries import ImageSpec
from ganzoo.errors import GanzooError, printable
from ganzoo.interfaces import BadImage, DataSource, SourceImage
from ganzoo.utils.files import user_path
from ganzoo.utils.safe_yaml import parse_long_json
from ganzoo_datasets.names import describe_left_out, is_hidden, is_image, left_out

LABELS = "dataset.json"
LOOKED_AT = 200  # images, to tell what most of them are
# No image and no list of labels is larger; what claims to be would fill the memory.
MOST_BYTES = 2**30
MOST_CLASSES = 2**20
PIECE = 2**16
# Of these alone a piece of the file is not more than a thousand times as large when it is unpacked.
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class _Files(DataSource):
    """Named files in a fixed order, and labels from ``dataset.json`` where there is one.

    Hidden files and directories are passed over, since programs keep copies in them (``.ipynb_checkpoints``,
    ``.Trash``, ``__MACOSX``).
    """

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

    @abstractmethod
    def listing(self) -> list[str]:
        """Every file's name, with ``/`` between directories. Raises GanzooError where the place holds no files."""

    @cached_property
    def _listing(self) -> list[str]:
        return sorted(self.listing())

    @cached_property
    def names(self) -> list[str]:
        """The images' names, sorted. Raises GanzooError if the set has no images."""
        found = [name for name in self._listing if is_image(name) and not is_hidden(name)]
        if not found:
            why = f" ({counted})" if (counted := describe_left_out(self.left_out())) else ""
            raise GanzooError(f"{self.path} holds no PNG, JPEG or WebP files{why}; check data.name")
        return found

    def left_out(self) -> Mapping[str, int]:
        return left_out(self._listing)

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

    def remarks(self) -> Sequence[str]:
        if self.label_file is not None or not self._label_files:
            return ()
        return (f"labels not read: {len(self._label_files)} files are named {LABELS}, none of them at the top",)

    def label_text(self) -> bytes | None:
        """The content of ``dataset.json``; None without one. Raises GanzooError if it cannot be read."""
        if self.label_file is None:
            return None
        try:
            return self.read(self.label_file)
        except Unreadable as error:
            raise GanzooError(f"{self.path}: {self.label_file}: {error}; mend or remove it") from error

    @cached_property
    def labels(self) -> Mapping[str, int] | None:
        """Labels by name, None where the set has none. Raises GanzooError where the file is not as it should be.

        The file's own names start at the directory it lies in.
        """
        text = self.label_text()
        if text is None or self.label_file is None:
            return None
        where, top = f"{self.path}: {self.label_file}", self.label_file.removesuffix(LABELS)
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
            name = top + pair[0]
            if name in labels:
                raise GanzooError(f"{where} has two labels for {pair[0]}; remove one")
            labels[name] = pair[1]
        for name in [name for name in labels if is_hidden(name)]:
            del labels[name]  # its image is passed over too
        if surplus := set(labels) - set(self.names):
            raise GanzooError(f"{where} has a label for {min(surplus)}, which is not among its images; remove it")
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

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        for name in self.names:
            try:
                yield SourceImage(name, decode(self.read(name)), self.labels[name] if self.labels else None)
            except Unreadable as error:
                yield BadImage(name, str(error))

    def peek(self) -> ImageSpec:
        """The spec that most images have; a large set is judged by a sample."""
        sizes, channels, reason = Counter[tuple[int, int]](), Counter[int](), ""
        for name in self.names[:: -(-len(self) // LOOKED_AT)]:
            try:
                height, width, depth = measure(self.read(name))
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
        return max(self.labels.values()) + 1 if self.labels else 0

    def _peek_all(self, reason: str) -> ImageSpec:
        """The spec of the first image that can be used, if none of the sampled ones can."""
        for item in self:
            if isinstance(item, SourceImage):
                height, width, channels = item.pixels.shape
                return ImageSpec(channels, height if height == width else 0, self._classes)
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


def _is_class(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_CLASSES


def refuse_huge(size: int) -> None:
    """Raises Unreadable where a file claims to be larger than an image can be."""
    if size > MOST_BYTES:
        raise Unreadable(f"it takes {size / 2**20:,.0f} MiB, more than an image can; check what it is")


def _short(error: BaseException) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
