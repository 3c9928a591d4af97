"""Zips, WebDataset shards and directories with false claims about their content, links elsewhere, or no end."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bad_images import RED, encoded, opened, plain
from cases import Case

IMAGE = encoded(plain())
SWOLLEN = 2**28  # uncompressed bytes of a small member
LINK = (stat.S_IFLNK | 0o777) << 16

Write = Callable[[zipfile.ZipFile], object]
Add = Callable[[tarfile.TarFile], object]


def member(archive: tarfile.TarFile, name: str, content: bytes = IMAGE, **header: object) -> None:
    """Add a file to a tar. header: fields of its header to replace."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in header.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(content) if info.isreg() else None)


def _zip(write: Write, place: Path, change: Callable[[bytes], bytes] = bytes) -> str:
    file = place / "set.zip"
    with zipfile.ZipFile(file, "w") as archive:
        write(archive)
    file.write_bytes(change(file.read_bytes()))
    return _and_nothing_else(f"zip:{file}", place)


def _tar(add: Add, place: Path, change: Callable[[bytes], bytes] = bytes) -> str:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        add(archive)
    (place / "set.tar").write_bytes(change(stream.getvalue()))
    return _and_nothing_else(f"webdataset:{place / 'set.tar'}", place)


def _and_nothing_else(name: str, place: Path) -> str:
    """Open the set. Raises AssertionError if a file has been unpacked next to it."""
    before = set(place.iterdir())
    said = opened(name, place, RED)
    if extra := set(place.iterdir()) - before - {place / "root"}:
        raise AssertionError(f"it left {extra}")
    return said


def _files(files: Mapping[str, bytes], archive: zipfile.ZipFile) -> None:
    for name, content in files.items():
        archive.writestr(name, content)


def _twice(archive: zipfile.ZipFile) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("x.png", IMAGE)


def _linked(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("x.png")
    info.external_attr = LINK
    archive.writestr(info, "/etc/passwd")


def _packed(kind: int, archive: zipfile.ZipFile) -> None:
    archive.writestr("x.png", IMAGE, kind)


def _swollen(archive: zipfile.ZipFile) -> None:
    """Add a member of 256 MiB, compressed to 256 KB."""
    info = zipfile.ZipInfo("x.png")
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w") as stream:
        for _ in range(SWOLLEN // 2**20):
            stream.write(bytes(2**20))


def _claim(size: int, content: bytes) -> bytes:
    """Replace the size of the only member in both of its headers."""
    return _in_headers(content, 22, struct.pack("<I", size))


def _encrypted(content: bytes) -> bytes:
    """Set the bit for encryption in both headers."""
    return _in_headers(content, 6, b"\1\0")


def _in_headers(content: bytes, place: int, said: bytes) -> bytes:
    """Overwrite a field in the only member's header. Its copy in the directory has the field two bytes later."""
    for at in (content.index(b"PK\3\4") + place, content.index(b"PK\1\2") + place + 2):
        content = content[:at] + said + content[at + len(said) :]
    return content


def _other_name(content: bytes) -> bytes:
    """Change the member's name in its own header, but not in the directory."""
    return content.replace(b"x.png", b"y.png", 1)


def _of(kind: bytes, archive: tarfile.TarFile, linkname: str = "/etc/passwd") -> None:
    member(archive, "x.png", b"", type=kind, linkname=linkname)


def _two(archive: tarfile.TarFile) -> None:
    member(archive, "a.png")
    member(archive, "b.png")


def _sparse(archive: tarfile.TarFile) -> None:
    """Add a sparse file in GNU's old format: its size is 1 GiB, and none of it is in the archive."""
    info = tarfile.TarInfo("x.png")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = f"{2**30:011o}\0".encode()  # its real size
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    assert archive.fileobj is not None
    archive.fileobj.write(bytes(header))


def _long_header(archive: tarfile.TarFile) -> None:
    """Add an extended header for the next member that claims 256 MiB."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, SWOLLEN
    assert archive.fileobj is not None
    archive.fileobj.write(info.tobuf())


def _swollen_gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(content[:512])]
    parts += [packer.compress(bytes(2**20)) for _ in range(SWOLLEN // 2**20)]
    return b"".join([*parts, packer.flush()])


def _damaged_header(content: bytes) -> bytes:
    """Damage the header of the second of two members, which could be mistaken for the end of the archive."""
    at = content.index(b"b.png")
    return content[:at] + b"c" + content[at + 1 :]


def _pipe(form: str, place: Path) -> str:
    os.mkfifo(place / "pipe")
    return opened(f"{form}:{place / 'pipe'}", place)


def _labels(text: bytes, place: Path) -> str:
    return _zip(partial(_files, {"x.png": IMAGE, "dataset.json": text}), place)


def _label(name: str) -> bytes:
    return json.dumps({"labels": [[name, 0]]}).encode()


def cases() -> list[Case]:
    """Return all cases of this file."""

    def of_zip(what: str, write: Write, says: str = "", change: Callable[[bytes], bytes] = bytes) -> Case:
        return Case(f"zip: {what}", partial(_zip, write, change=change), says)

    def of_tar(what: str, add: Add, says: str = "", change: Callable[[bytes], bytes] = bytes) -> Case:
        return Case(f"tar: {what}", partial(_tar, add, change=change), says)

    def named(*names: str) -> Write:
        return partial(_files, dict.fromkeys(names, IMAGE))

    not_whole = "set.zip is not a whole zip file"
    return [
        of_zip("names with ../ and from the root", named("../x.png", "/x.png", "a/../../x.png")),
        of_zip("a member that is a link", _linked, "x.png: it is a link; put the image itself into the zip"),
        of_zip("one name twice", _twice, "set.zip: x.png is in it twice; make the zip again"),
        of_zip(
            "encrypted", named("x.png"), "x.png: it is encrypted; make the zip again without a password", _encrypted
        ),
        of_zip(
            "256 MiB in a member that claims 100 bytes",
            _swollen,
            "x.png: it is damaged in the zip",
            partial(_claim, 100),
        ),
        of_zip(
            "a member that claims 2 GiB",
            named("x.png"),
            "x.png: it takes 2,048 MiB, too much for an image",
            partial(_claim, 2**31),
        ),
        of_zip(
            "packed with bzip2, which can pack 45 MB into 45 bytes",
            partial(_packed, zipfile.ZIP_BZIP2),
            "x.png: it is packed by a method other than deflate",
        ),
        of_zip(
            "packed with LZMA",
            partial(_packed, zipfile.ZIP_LZMA),
            "x.png: it is packed by a method other than deflate",
        ),
        of_zip("a zip in a zip", named("x.zip"), "set.zip holds no PNG, JPEG, WebP, BMP, TIFF or GIF files"),
        of_zip("two headers with different names", named("x.png"), "x.png: it is damaged in the zip", _other_name),
        of_zip("cut short", named("x.png"), not_whole, lambda content: content[:-30]),
        of_zip("text", named("x.png"), not_whole, lambda content: b"no zip at all"),
        of_zip("no bytes", named("x.png"), not_whole, lambda content: b""),
        of_zip(
            "a name with a terminal's escape",
            partial(_files, {"\x1b[31mx.png": b"no image"}),
            r"\x1b[31mx.png: it cannot be decoded",
        ),
        Case("zip: a pipe", partial(_pipe, "zip"), "pipe is not a whole zip file (it is not a regular file)"),
        Case(
            "dataset.json: a label for a file elsewhere",
            partial(_labels, _label("../../etc/passwd")),
            "dataset.json has a label for ../../etc/passwd, which is not among its images",
        ),
        Case(
            "dataset.json: a name with a terminal's escape",
            partial(_labels, _label("\x1b[31m")),
            r"dataset.json has a label for \x1b[31m, which is not among its images",
        ),
        of_tar("names with ../ and from the root", lambda tar: [member(tar, n) for n in ("../x.png", "/x.png")]),
        of_tar("a symbolic link", partial(_of, tarfile.SYMTYPE), "x.png: it is a link, a device or a sparse file"),
        of_tar("a hard link", partial(_of, tarfile.LNKTYPE), "x.png: it is a link, a device or a sparse file"),
        of_tar("a pipe", partial(_of, tarfile.FIFOTYPE), "x.png: it is a link, a device or a sparse file"),
        of_tar("a device", partial(_of, tarfile.CHRTYPE), "x.png: it is a link, a device or a sparse file"),
        of_tar("a sparse file of a GiB in 512 bytes", _sparse, "x.png: it is a link, a device or a sparse file"),
        of_tar(
            "a header of 256 MiB, packed into 256 KB",
            _long_header,
            "not a whole tar file (a header of 268435456 bytes)",
            _swollen_gzip,
        ),
        of_tar("packed with gzip", lambda tar: member(tar, "x.png"), change=gzip.compress),
        of_tar(
            "packed with bzip2, which can pack 45 MB into 45 bytes",
            lambda tar: member(tar, "x.png"),
            "set.tar is not a whole tar file",
            bz2.compress,
        ),
        of_tar(
            "a damaged header between two members",
            _two,
            "set.tar is not a whole tar file (bad checksum)",
            _damaged_header,
        ),
        of_tar("cut short", _two, "set.tar is not a whole tar file", lambda content: content[:540]),
        of_tar("text", _two, "set.tar is not a whole tar file", lambda content: b"no tar at all" * 99),
        of_tar(
            "members that a loader would open by their names as pickles, beside an image",
            lambda tar: [member(tar, "x.png"), member(tar, "x.pyd", b"cos\nsystem\n(S'touch executed'\ntR.")],
        ),
        Case(
            "tar: through a shell (pipe:)",
            lambda place: opened(f"webdataset:pipe:touch {place}/executed", place),
            "shards are read only from files, http:// or https://",
        ),
        Case("tar: a pipe", partial(_pipe, "webdataset"), "pipe is not a file; check data.name"),
    ]
