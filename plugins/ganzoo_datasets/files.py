"""The base of data sets of image files, in a directory or in a zip: names, labels and content."""

from __future__ import annotations

import hashlib
import json
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
from ganzoo.utils.files import reason_of, user_path
from ganzoo.utils.waiting import counted
from ganzoo_datasets.labels import FILE as LABELS
from ganzoo_datasets.labels import class_count, folders_of, labels_by_folder, parse_labels, why_no_folders
from ganzoo_datasets.names import ADDRESS, describe_left_out, is_hidden, is_image, left_out, system_files
from ganzoo_datasets.specs import spec_of

LOOKED_AT = 200  # images that are measured to find the most frequent size and channels
MOST_BYTES = 2**30  # of an image or a list of labels; a larger file could fill the memory


class FileSource(DataSource):
    """A source of named files in a fixed order, with labels from ``dataset.json`` or the directories, or without any.

    Hidden files and directories are skipped, since programs keep copies in them (``__MACOSX``, ``.Trash``).
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
            raise GanzooError(f"{path} cannot be opened ({reason_of(error)}); check data.name") from error
        return path.resolve()

    @abstractmethod
    def listing(self) -> list[str]:
        """Return the names of all files, with ``/`` as separator. Raises GanzooError if the place cannot be listed."""

    @cached_property
    def _listing(self) -> list[str]:
        return sorted(self.listing())

    @cached_property
    def names(self) -> list[str]:
        """The sorted names of the images. Raises GanzooError if the set has no images."""
        found = [name for name in self._listing if is_image(name, self.formats) and not is_hidden(name)]
        if not found:
            skipped = describe_left_out(self.left_out())
            why = f" ({skipped})" if skipped else ""
            raise GanzooError(f"{self.path} holds no {named_formats(self.formats)} files{why}; check data.name")
        return found

    def left_out(self) -> Mapping[str, int]:
        return left_out(self._listing, self.formats)

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises Unreadable if it cannot be read."""

    @abstractmethod
    def files(self) -> Iterator[Path]:
        """Yield every file that the content key depends on."""

    @cached_property
    def _label_files(self) -> list[str]:
        return [name for name in self._listing if PurePosixPath(name).name == LABELS and not is_hidden(name)]

    @property
    def label_file(self) -> str | None:
        """The name of the ``dataset.json`` to read: the one at the top, otherwise the only one; None without one."""
        found = self._label_files
        return LABELS if LABELS in found else found[0] if len(found) == 1 else None

    @cached_property
    def label_origin(self) -> str:
        """The origin of the labels: "json", "folders" or "none".

        Raises GanzooError if the set lacks the labels that ``data.labels`` asks for.
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
        # Several dataset.json files may contradict the directories.
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
        """Return the content of ``dataset.json``; None without one. Raises GanzooError if it cannot be read."""
        if self.label_file is None:
            return None
        try:
            return self.read(self.label_file)
        except Unreadable as error:
            raise GanzooError(f"{self.path}: {self.label_file}: {error}; fix or remove it") from error

    @cached_property
    def labels(self) -> Mapping[str, int] | None:
        """The labels by image name; None for a set without labels. Raises GanzooError if they are invalid."""
        return labels_by_folder(self.names) if self.label_origin == "folders" else self._json[0]

    @cached_property
    def _json(self) -> tuple[Mapping[str, int] | None, Any]:
        """The labels and the unchecked ``class_names`` of ``dataset.json``; two times None if it is not used."""
        if self.label_origin != "json" or self.label_file is None or (text := self.label_text()) is None:
            return None, None
        where = f"{self.path}: {self.label_file}"
        labels, named = parse_labels(text, self.label_file, self.names, where)
        if labels is None and self.label_setting == "json":
            raise GanzooError(f"data.labels=json: {where} has no labels; add them, or set data.labels=auto")
        return labels, named

    def content_key(self) -> str:
        # Keys from before data.labels and data.formats existed stay valid for the same labels and formats.
        before = "none" if self.label_file is None else "json"
        kind = "" if self.label_origin == before else self.label_origin
        kind += f" {ALL}" if self.formats == ALL and not all(is_image(name, BASIC) for name in self.names) else ""
        return remembered(self.root, self.files(), self._hash, kind)

    def _hash(self) -> tuple[str, bool]:
        """Return the key, and whether all files could be read: an unreadable file may be readable next time."""
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
        """Return the spec that most images have, estimated from a sample if the set is large."""
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
        height, width = sizes.most_common(1)[0][0]  # in a tie the first by name, as when all are decoded
        return ImageSpec(chosen_channels(AUTO, channels), height if height == width else 0, self._classes)

    @property
    def _classes(self) -> int:
        return class_count(self.labels)

    def _peek_all(self, reason: str) -> ImageSpec:
        """Return the spec of the first usable image, if no image of the sample was usable."""
        for item in self:
            if isinstance(item, SourceImage):
                return spec_of(item, self._classes)
        raise GanzooError(f"{self.path}: none of its {len(self)} images can be used; the first, {reason}")


def refuse_huge(size: int) -> None:
    """Raise Unreadable if the size of a file exceeds that of any image."""
    if size > MOST_BYTES:
        raise Unreadable(f"it takes {size / 2**20:,.0f} MiB, too much for an image; check the file")
