"""WebDataset shards whose images are read when training needs them, for sets that do not fit on a disk."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from ganzoo.data.decode import decode_named
from ganzoo.errors import GanzooError
from ganzoo.interfaces import BadImage, SourceImage, StreamedSource
from ganzoo.utils.files import user_path
from ganzoo_datasets.shards import Shards, members

TIMEOUT = 6  # seconds without a byte; shorter than the ten seconds that a process has to end
PAUSES = (1.0, 5.0, 25.0)  # seconds before each new attempt if a server did not answer


class StreamedShards(Shards, StreamedSource):
    """A streamed source like :class:`Shards`. Tar files must not be compressed; servers must send parts of a file."""

    def __init__(self, location: str | None, root: Path, split: str) -> None:
        super().__init__(location, root, split)
        self.closed = threading.Event()

    def located(self) -> Iterator[tuple[tuple[int, int, int], SourceImage | BadImage]]:
        self.read(0, 0, 1)  # raises before the scan if the server sends no parts
        for number, member, content, reason in members(self.shards, self._passed, self.formats, plain=True):
            place = (number, member.offset_data, member.offset_data + member.size)
            name = f"{PurePosixPath(self.shards[number]).name}/{member.name}"
            yield place, BadImage(name, reason) if reason else decode_named(name, content, formats=self.formats)

    def __iter__(self) -> Iterator[SourceImage | BadImage]:
        return StreamedSource.__iter__(self)

    def file_name(self, file: int) -> str:
        return self.shards[file]

    def read(self, file: int, start: int, stop: int) -> bytes:
        shard, reason = self.shards[file], ""
        for pause in (0.0, *PAUSES):
            if self.closed.wait(pause):
                break
            try:
                content = _part(shard, start, stop)
            except (OSError, HTTPException) as error:  # a server may soon answer again
                reason = " ".join(str(error).split())
            else:
                if len(content) == stop - start:
                    return content
                reason = f"it ends before byte {stop}"
            if "://" not in shard:
                break
        reason = reason or "it was closed"
        raise GanzooError(f"{shard} cannot be read ({reason}); make it readable, then continue with `ganzoo resume`")

    def close(self) -> None:
        self.closed.set()


def _part(shard: str, start: int, stop: int) -> bytes:
    if "://" not in shard:
        with user_path(shard).open("rb") as stream:
            stream.seek(start)
            return stream.read(stop - start)
    asked = urllib.request.Request(shard, headers={"Range": f"bytes={start}-{stop - 1}"})  # noqa: S310, see Shards.shards
    with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:  # noqa: S310
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            raise GanzooError(f"{shard}: its server does not support Range requests; download it and name the file")
        content: bytes = answer.read(stop - start)
        return content


__all__ = ["StreamedShards"]
