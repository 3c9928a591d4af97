"""The page's directory, which any static host can serve under any path:

index.html, *.css, *.js   the page; index.html holds the data on the runs
vendor/                   onnxruntime-web, gifenc, and their licences
runs/N.onnx               the generator of each run, as `ganzoo export` writes it
runs/N.png                the images of its game, if the run kept any
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.models.sampling import save_image
from ganzoo.utils.files import whole_directory, write_text
from ganzoo.utils.html import asset, render, trusted
from ganzoo_export.onnx import export_generator
from ganzoo_play.player import Player

PACKED = ".xz"
MARK = '<meta name="generator" content="ganzoo play">'  # in index.html: marks a directory that may be overwritten
OF_A_RUN = re.compile(r"runs/\d+\.(onnx|png)")
PALETTE = "palette.css"
OWN = "ganzoo_play"


def write_page(players: Sequence[Player], directory: Path, tell: Callable[[str], None] = lambda line: None) -> Path:
    """Write the page of these runs and return the path of its index.html.

    After a failure the directory is as it was before. ``tell`` is called with a line about each step. Raises
    GanzooError if a generator cannot be exported, or if the directory cannot be written or holds anything but an
    earlier page.
    """
    check_place(directory)
    try:
        with whole_directory(directory, replace=True) as partial:
            (partial / "runs").mkdir()
            _unpack(partial)
            data = [_write_player(player, number, partial, tell) for number, player in enumerate(players)]
            write_text(partial / PALETTE, asset("ganzoo", PALETTE))
            write_text(partial / "index.html", to_page([player.recipe for player in players], data))
    except OSError as error:
        raise GanzooError(f"cannot write {directory}: {error.strerror or error}; choose another --out") from error
    return directory / "index.html"


def to_page(recipes: Sequence[str], data: Sequence[Mapping[str, object]]) -> str:
    """Return the content of ``index.html``, with the scripts' data on each run."""
    title = " | ".join(dict.fromkeys(recipes))
    return str(render(f"{OWN}/index.html", mark=trusted(MARK), title=title, runs=data))


def check_place(directory: Path) -> None:
    """Raise GanzooError if writing there would overwrite anything but an earlier page."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    with suppress(OSError, UnicodeDecodeError):
        if MARK in (directory / "index.html").read_text(encoding="utf-8"):
            names = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir())
            own = {"index.html", PALETTE, *(name for _, name in _own_files())}
            if not (foreign := [name for name in names if name not in own and not OF_A_RUN.fullmatch(name)]):
                return
            raise GanzooError(
                f"{directory} holds {foreign[0]}, which is not the page's; move it or choose another --out"
            )
    raise GanzooError(f"{directory} already holds other files; choose another --out")


def _write_player(player: Player, number: int, directory: Path, tell: Callable[[str], None]) -> dict[str, object]:
    tell(f"exporting {player.recipe}, {player.about}")
    data = dict(player.data())
    data["model"] = f"runs/{number}.onnx"
    export_generator(player.generator, "onnx", directory / str(data["model"]), player.class_names)
    if player.game:
        data["sheet"] = f"runs/{number}.png"
        save_image(player.game.sheet, directory / str(data["sheet"]))
    return data


def _unpack(directory: Path) -> None:
    """Copy the page's own files and its libraries, and unpack those that are packed."""
    (directory / "vendor").mkdir(exist_ok=True)
    for file, name in _own_files():
        content = file.read_bytes()
        (directory / name).write_bytes(lzma.decompress(content) if file.name.endswith(PACKED) else content)


def _own_files() -> Iterator[tuple[Any, str]]:
    """Yield each file of the page and of its libraries, with its path in a page."""
    for origin, prefix in (("assets", ""), ("vendor", "vendor/")):
        for file in (files(OWN) / origin).iterdir():
            if file.name != "index.html":
                yield file, prefix + file.name.removesuffix(PACKED)
