"""Fuzz the readers of zips and of tar shards with atheris, which mutates valid files to reach new code paths.

``python benchmarks/trust/fuzz.py --seconds 300 [--save]``, after ``pip install atheris`` (Linux, CPython 3.11 or
newer). For any bytes a reader must give images, bad images with a reason, or one GanzooError with a one-line message.
Each reader is fuzzed in its own process. Bytes that lead to anything else are saved under results/.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
READERS = ("zip", "shards")
MISSING = "atheris is not installed: pip install atheris (there are wheels for CPython 3.11 and newer)"


def seeds(reader: str) -> list[bytes]:
    """Return valid files to start from: zips of all methods, with and without labels; tars, plain and compressed."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new("L", (4, 4), 7).save(stream, "png")
    image = stream.getvalue()
    labels = json.dumps({"labels": [["a.png", 0], ["b/c.png", 1]]}).encode()
    members = {"a.png": image, "b/c.png": image, "d.txt": b"text"}
    if reader == "zip":
        methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        return [_zip({**members, **more}, method) for method in methods for more in ({}, {"dataset.json": labels})]
    return [_tar(members, mode) for mode in ("w", "w:gz", "w:xz")]


def _zip(members: dict[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return stream.getvalue()


def _tar(members: dict[str, bytes], mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as out:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def reads(reader: str, place: Path) -> Callable[[bytes], None]:
    """Return the function that is called with each input. It raises an exception for anything that must not happen."""
    from ganzoo.errors import LONGEST, GanzooError
    from ganzoo_datasets.shards import Shards
    from ganzoo_datasets.zips import Zip

    source = {"zip": Zip, "shards": Shards}[reader]

    def read(content: bytes) -> None:
        file = place / "input"
        file.write_bytes(content)
        try:
            for item in source(str(file), place, "train"):
                assert item.name is not None
        except GanzooError as error:
            said = str(error)
            if not said.isprintable() or len(said) > LONGEST + 20:
                raise AssertionError(f"said in no line: {said!r}") from error

    return read


def child(reader: str, place: Path, options: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    import atheris

    for name in ("zipfile", "tarfile"):  # imported above without instrumentation
        del sys.modules[name]
    with atheris.instrument_imports(include=["zipfile", "tarfile", "ganzoo_datasets.zips", "ganzoo_datasets.shards"]):
        read = reads(reader, place)
    atheris.Setup([sys.argv[0], *options], read)
    atheris.Fuzz()


def fuzz(reader: str, seconds: int, seed: int, keep: Path) -> tuple[str, bool]:
    """Fuzz a reader in a child process. Return a row of the table, and whether no failure was found."""
    with tempfile.TemporaryDirectory(prefix="ganzoo-fuzz-") as scratch:
        place = Path(scratch)
        corpus = place / "corpus"
        corpus.mkdir()
        for number, content in enumerate(seeds(reader)):
            (corpus / str(number)).write_bytes(content)
        limits = ["-timeout=20", "-max_len=8192", "-rss_limit_mb=4096"]
        names = [f"-artifact_prefix={keep}/fuzz-{reader}-", str(corpus)]
        options = [f"-max_total_time={seconds}", f"-seed={seed}", "-print_final_stats=1", *limits, *names]
        command = [sys.executable, __file__, "--child", reader, "--place", str(place), *options]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        grown = len(list(corpus.iterdir()))
    said = ended.stdout + ended.stderr
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", said)
    paths = re.findall(r"cov: (\d+)", said)
    whole = ended.returncode == 0
    if not whole:
        print(said[-4000:], file=sys.stderr)
    count = f"{int(runs[-1]):,}" if runs else "?"
    return f"| {reader} | {seconds} | {count} | {paths[-1] if paths else '?'} | {grown} | {int(not whole)} |", whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=300, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="10 seconds each")
    parser.add_argument("--save", action="store_true", help="keep the table under results/")
    parser.add_argument("--child", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options, fuzzers = parser.parse_known_args()
    if importlib.util.find_spec("atheris") is None:
        print(MISSING)
        return 0
    if options.child:
        child(options.child, options.place, fuzzers)
    seconds = 10 if options.quick else options.seconds
    rows = [fuzz(reader, seconds, options.seed, RESULTS) for reader in READERS]
    head = ["| reader | seconds | inputs | paths | corpus | finds |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    text = "\n".join([*head, *(row for row, _ in rows)]) + "\n"
    if options.save:
        (RESULTS / "fuzz.md").write_text(text)
    print(text)
    return int(not all(whole for _, whole in rows))


if __name__ == "__main__":
    sys.exit(main())
