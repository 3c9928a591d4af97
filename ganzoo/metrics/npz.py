"""Arrays in an untrusted ``.npz``: pickles are refused, and sizes are checked before memory is allocated."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ganzoo.errors import GanzooError
from ganzoo.utils.files import regular, unreadable

SUFFIX = ".npz"
MOST_TEXT = 4096  # the most bytes of a text, such as a note on the arrays' origin
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(frozen=True)
class Header:
    """The shape and type that an array claims. order: the order of its bytes, "C" or "F"."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["C", "F"] = "C"

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


class Npz:
    """An ``.npz`` file.

    The constructor and the methods raise GanzooError if it is missing, damaged, no ``.npz``, or holds Python objects.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(regular(path)) as archive:
                self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        except Exception as error:  # zipfile raises many types for a file that is not a zip
            raise self._damaged(error) from error

    @property
    def names(self) -> frozenset[str]:
        """The arrays' names."""
        return frozenset(self._members)

    def header(self, name: str) -> Header:
        """Read the header of an array."""
        with self._opened(name) as stream:
            return self._header(name, stream)

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """Read a whole array, which must have this shape."""
        with self._opened(name) as stream:
            found = self._header(name, stream)
            if found.shape != shape:
                raise GanzooError(f"{self.path}: {name} is {found}, must have the shape {shape}")
            content = self._read(stream, math.prod(shape) * found.dtype.itemsize)
            self._check_end(stream)
        return np.frombuffer(content, found.dtype).reshape(shape, order=found.order)

    def parts(self, name: str, size: int) -> Iterator[NDArray[Any]]:
        """Yield an array in parts of ``size`` along its first axis; the last part may be smaller."""
        with self._opened(name) as stream:
            found = self._header(name, stream)
            if found.order == "F":
                raise GanzooError(f"{self.path}: {name} is in Fortran's order; save np.ascontiguousarray of it")
            count, *inner = found.shape
            for start in range(0, count, size):
                shape = min(size, count - start), *inner
                content = self._read(stream, math.prod(shape) * found.dtype.itemsize)
                yield np.frombuffer(content, found.dtype).reshape(shape)
            self._check_end(stream)

    def text(self, name: str) -> str:
        """Return a short text, or a whole number as text; "" if the name is missing or is of something else."""
        if name not in self._members:
            return ""
        found = self.header(name)
        if found.shape or found.dtype.kind not in "Ui" or found.dtype.itemsize > MOST_TEXT:
            return ""
        return str(self.array(name, ()))

    def _opened(self, name: str) -> IO[bytes]:
        try:
            member = self._members[name]
            if member.compress_type not in PACKED or member.flag_bits & 1:
                raise ValueError("it is encrypted, or packed by a method other than deflate")
            return zipfile.ZipFile(self.path).open(member)
        except Exception as error:
            raise self._damaged(error) from error

    def _header(self, name: str, stream: IO[bytes]) -> Header:
        try:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(stream)
        except Exception as error:  # a malformed header may raise anything
            raise self._damaged(ValueError(f"the header of {name} cannot be read")) from error
        if dtype.hasobject:
            raise GanzooError(
                f"{self.path}: {name} is a pickle of Python objects, which is not read; save it as an array of numbers"
            )
        claimed = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or claimed + stream.tell() != self._members[name].file_size:
            raise GanzooError(f"{self.path}: {name} is not {dtype} {shape}, as its header says; make it again")
        return Header(shape, dtype, "F" if fortran and len(shape) > 1 else "C")

    def _read(self, stream: IO[bytes], size: int) -> bytes:
        try:
            content = stream.read(size)
        except Exception as error:  # zlib and zipfile raise their own types
            raise self._damaged(error) from error
        if len(content) != size:
            raise self._damaged(EOFError("it is cut short"))
        return content

    def _check_end(self, stream: IO[bytes]) -> None:
        """Read past the end, so that zipfile compares the member's checksum."""
        try:
            stream.read(1)
        except Exception as error:
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> GanzooError:
        if isinstance(error, FileNotFoundError):
            return GanzooError(f"{self.path} does not exist; check the path")
        return unreadable(self.path, ".npz", error)


__all__ = ["SUFFIX", "Header", "Npz"]
