"""The images of a zip in StyleGAN's data-set format."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ganzoo.data.kinds import Unreadable
from ganzoo.errors import GanzooError
from ganzoo.utils.files import reason_of, unreadable
from ganzoo_datasets.files import FileSource, refuse_huge
from ganzoo_datasets.labels import FILE as LABELS
from ganzoo_datasets.names import is_image

PIECE = 2**16
# Only with these methods, a piece of the file is at most about a thousand times as large when it is unpacked.
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class Zip(FileSource):
    """The images of a zip, read in place. Nothing is unpacked to disk, so paths in its names are harmless."""

    @cached_property
    def archive(self) -> zipfile.ZipFile:
        try:
            if not self.path.is_file():
                raise ValueError("it is not a regular file")
            return zipfile.ZipFile(self.path)
        except Exception as error:  # zipfile raises many types of errors for invalid files
            raise unreadable(self.path, "zip", error) from error

    @cached_property
    def members(self) -> dict[str, zipfile.ZipInfo]:
        """The files by name. Some tools on Windows separate directories by backslashes."""
        named = [(member.filename.replace("\\", "/"), member) for member in self.archive.infolist()]
        for name, times in Counter(name for name, _ in named).items():
            if times > 1 and (is_image(name) or name == LABELS):
                raise GanzooError(f"{self.path}: {name} is in it twice; make the zip again")
        return {name: member for name, member in named if not name.endswith("/")}

    def listing(self) -> list[str]:
        return list(self.members)

    def read(self, name: str) -> bytes:
        member = self.members[name]
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Unreadable("it is a link; put the image itself into the zip")
        if member.flag_bits & 1:
            raise Unreadable("it is encrypted; make the zip again without a password")
        if member.compress_type not in PACKED:
            raise Unreadable("it is packed by a method other than deflate; make the zip again")
        refuse_huge(member.file_size)
        try:
            # Read in pieces, so that no more is unpacked than the member's stated size.
            with self.archive.open(member) as stream:
                return b"".join(iter(lambda: stream.read(PIECE), b""))
        except Exception as error:  # zipfile raises many types of errors for damaged members
            raise Unreadable(f"it is damaged in the zip ({reason_of(error)})") from error

    def files(self) -> Iterator[Path]:
        yield self.path
