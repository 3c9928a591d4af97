"""The images of a directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from ganzoo.data.kinds import Unreadable
from ganzoo.errors import GanzooError
from ganzoo.utils.files import reason_of
from ganzoo_datasets.files import FileSource, refuse_huge


class Folder(FileSource):
    """The image files under a directory, named by their relative paths. Links to files are followed.

    Links to directories are not followed; :meth:`remarks` counts them.
    """

    _linked = 0

    def listing(self) -> list[str]:
        if not self.path.is_dir():
            raise GanzooError(f"{self.path} is not a directory; for a zip write data.name=zip:{self.path}")
        found = list[str]()
        for place, directories, names in os.walk(self.path, onerror=self._refuse):
            here = Path(place)
            found += [(here / name).relative_to(self.path).as_posix() for name in names]
            self._linked += sum((here / name).is_symlink() for name in directories)
        return found

    def remarks(self) -> Sequence[str]:
        found = super().remarks()  # it has listed the directory
        return [*found, f"links to directories not followed: {self._linked}"] if self._linked else found

    def _refuse(self, error: OSError) -> NoReturn:
        raise GanzooError(f"{error.filename} cannot be listed ({reason_of(error)}); make it readable, or move it away")

    def read(self, name: str) -> bytes:
        file = self.path / name
        try:
            found = file.stat()
            if not stat.S_ISREG(found.st_mode):  # reading a pipe or a device might never end
                raise Unreadable("it is a pipe, a socket or a device, no file; remove it")
            refuse_huge(found.st_size)
            return file.read_bytes()
        except OSError as error:
            raise Unreadable(f"it cannot be read ({reason_of(error)})") from error

    def files(self) -> Iterator[Path]:
        yield from (self.path / name for name in self.names)
        if self.label_file is not None:
            yield self.path / self.label_file
