"""Pictures in files: a folder, or a zip in StyleGAN's data-set format."""

from __future__ import annotations

import hashlib
import json
import zipfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from ganzoo.data.decode import Unreadable, decode
from ganzoo.entries import PictureSpec
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadPicture, DataSource, Picture

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
LABELS = "dataset.json"


class _Files(DataSource):
    """Named files in a fixed order, and labels from ``dataset.json`` where there is one."""

    @cached_property
    def path(self) -> Path:
        path = Path(self.location or "").expanduser()
        if not path.exists():
            raise GanzooError(f"{path} does not exist; check data.name")
        return path

    @cached_property
    @abstractmethod
    def names(self) -> list[str]:
        """The pictures' names, sorted. GanzooError where there are none."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file's bytes. Raises Unreadable."""

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
            pairs = json.loads(text)["labels"]
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
            labels[pair[0]] = pair[1]
        if missing := set(self.names) - set(labels):
            raise GanzooError(f"{where} has no label for {min(missing)}; add it, or remove {LABELS}")
        return labels

    def content_key(self) -> str:
        digest = hashlib.sha256()
        for name in self.names:
            try:
                content = self.read(name)
            except Unreadable as error:
                content = str(error).encode()
            digest.update(hashlib.sha256(content).digest() + name.encode() + b"\0")
        digest.update(json.dumps(dict(self.labels) if self.labels else None, sort_keys=True).encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Picture | BadPicture]:
        for name in self.names:
            try:
                yield Picture(name, decode(self.read(name)), self.labels[name] if self.labels else None)
            except Unreadable as error:
                yield BadPicture(name, str(error))

    def peek(self) -> PictureSpec:
        for item in self:
            if isinstance(item, Picture):
                height, width, channels = item.pixels.shape
                classes = max(self.labels.values()) + 1 if self.labels else 0
                return PictureSpec(channels, height if height == width else 0, classes)
        raise GanzooError(f"{self.path}: none of its {len(self)} pictures can be read; check the files")


class Folder(_Files):
    """Every picture file under a folder, by its path from there."""

    @cached_property
    def names(self) -> list[str]:
        if not self.path.is_dir():
            raise GanzooError(f"{self.path} is not a folder; for a zip write data.name=zip:{self.path}")
        found = sorted(
            file.relative_to(self.path).as_posix()
            for file in self.path.rglob("*")
            if file.suffix.lower() in SUFFIXES and file.is_file()
        )
        if not found:
            raise GanzooError(f"{self.path} holds no PNG, JPEG or WebP files; check data.name")
        return found

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise Unreadable(f"it cannot be read ({error.strerror})") from error

    def label_text(self) -> bytes | None:
        file = self.path / LABELS
        return file.read_bytes() if file.is_file() else None


class Zip(_Files):
    """The pictures of a zip, read in place: nothing is unpacked, so no name in it can lead anywhere."""

    @cached_property
    def archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise GanzooError(f"{self.path} is not a whole zip file ({error}); fetch or make it again") from error

    @cached_property
    def names(self) -> list[str]:
        found = sorted(name for name in self.archive.namelist() if PurePosixPath(name).suffix.lower() in SUFFIXES)
        if not found:
            raise GanzooError(f"{self.path} holds no PNG, JPEG or WebP files; check data.name")
        return found

    def read(self, name: str) -> bytes:
        try:
            return self.archive.read(name)
        except Exception as error:  # zipfile raises many things on damaged members
            raise Unreadable(f"it is damaged in the zip ({error})") from error

    def label_text(self) -> bytes | None:
        try:
            return self.archive.read(LABELS)
        except KeyError:
            return None
        except Exception as error:
            raise GanzooError(f"{self.path}: {LABELS} is damaged ({error}); make the zip again") from error


def _is_class(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
