"""Make the pictures of README.md in ``docs/assets/readme``: ``python docs/make_pictures.py [PICTURE...]``.

PICTURE is combinations, report, leaderboard, playground or terminal; by default all of them are made. Report and
terminal show a run of dcgan+wgan-gp. Unless ``runs/pictures`` has that run, it is trained there, which takes minutes on
a CPU. Screenshots need Chromium and ``pip install playwright``; the playground also needs ``ganzoo[export]``.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from make_combinations_picture import best_records, choose, draw_combinations, rounded
from make_terminal_picture import draw_terminal
from PIL import Image

import ganzoo
from ganzoo.cli.commands import app

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "docs/assets/readme"
RESULTS = ROOT / "benchmarks/results"
WORK = ROOT / "runs/pictures"
RECIPE = "dcgan+wgan-gp"
RUN = Path("runs", f"{RECIPE}-001")  # relative to WORK, so that pictures show short paths
MOST = 1_500_000  # the largest size of all pictures together, in bytes
WIDTH, HEIGHT = 1280, 955  # size of a screenshot in CSS pixels: the report down to its last row of images
FINE = 1.25  # pixels of the picture for each CSS pixel
BORDER = (208, 215, 222)


def main() -> None:
    """Make the requested pictures and print their sizes. Exits with 1 if all together are too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"{', '.join(PICTURES)} [default: all]")
    asked = parser.parse_args().pictures or list(PICTURES)
    if unknown := [name for name in asked if name not in PICTURES]:
        parser.error(f"no picture {unknown[0]}; there are {', '.join(PICTURES)}")
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in asked:
        file, make = PICTURES[name]
        make(PLACE / file)
        sys.stdout.write(f"{name}: {PLACE / file}, {(PLACE / file).stat().st_size:,} bytes\n")
    total = sum(path.stat().st_size for path in PLACE.iterdir())
    sys.stdout.write(f"all: {total:,} of at most {MOST:,} bytes\n")
    sys.exit(total > MOST)


def make_combinations(file: Path) -> None:
    """Draw a tile of samples for each of the best combinations."""
    draw_combinations(RESULTS).save(file, quality=88, method=6)


def make_report(file: Path) -> None:
    """Photograph a run's report: images, the discriminator's verdicts, the diagnosis."""
    with in_place(WORK):
        directory = trained().path
        call("report", str(directory))
        page = (directory / "report.html").resolve()
    shoot(page.as_uri(), file)


def make_leaderboard(file: Path) -> None:
    """Photograph the top of the leaderboard: the table of combinations and the first rows."""
    out = WORK / "leaderboard"
    out.mkdir(parents=True, exist_ok=True)
    with in_place(ROOT):
        call("bench", "report", "--out", str(out))
    shoot((out / "leaderboard.html").as_uri(), file)


def make_playground(file: Path) -> None:
    """Photograph the page of `ganzoo play` with two generators, each the best of its architecture with kept weights."""
    out = WORK / "play"
    with in_place(ROOT):
        call("play", *map(str, players()), "--out", str(out), "--no-serve")
    with served(out) as address:
        shoot(address, file, ready="main[aria-busy=false]")


def make_terminal(file: Path) -> None:
    """Draw the terminal as it is when a run ends."""
    with in_place(WORK):
        file.write_text(draw_terminal(trained(), f"ganzoo run {RECIPE}"), encoding="utf-8")


PICTURES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "combinations": ("best-combinations.webp", make_combinations),
    "report": ("report-of-a-run.webp", make_report),
    "leaderboard": ("leaderboard.webp", make_leaderboard),
    "playground": ("playground.webp", make_playground),
    "terminal": ("terminal-of-a-run.svg", make_terminal),
}


def call(*words: str) -> None:
    """Call a command of ganzoo in this process."""
    app(list(words), prog_name="ganzoo", standalone_mode=False)


def trained() -> ganzoo.Run:
    """Return the run that the pictures show, finished. It is trained or resumed now if it is missing or not finished.

    Its directory is below the current directory.
    """
    if not RUN.is_dir():
        return ganzoo.train(RECIPE, out=RUN, callbacks=[ganzoo.show_progress()])
    run = ganzoo.load(RUN)
    return run if run.finished else run.resume(callbacks=[ganzoo.show_progress()])


def players(count: int = 2) -> list[Path]:
    """Return the record files for the playground: the best records of the first data set, by architecture.

    Only records with kept weights and without other plugins than ganzoo's own count.
    """
    found = next(iter(best_records(RESULTS).values()))
    kept = [one for one in found if one[1].weights and one[1].weights.file and set(one[1].plugins) == {"ganzoo"}]
    return [path for path, _ in choose(kept, count)]


def shoot(address: str, file: Path, ready: str = "body") -> None:
    """Photograph the top of a page in light colours, once the element ``ready`` exists and the charts are drawn."""
    with browser() as chromium:
        page = chromium.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=FINE,
            color_scheme="light",
            reduced_motion="reduce",
        )
        page.set_default_timeout(600_000)  # a busy machine takes long
        page.goto(address)
        page.locator(ready).wait_for()
        page.evaluate("() => Promise.all([...document.querySelectorAll('.chart')].map((chart) => chart.drawn))")
        page.evaluate("() => document.fonts.ready")
        shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    framed(shot).save(file, quality=82, method=6)


def framed(shot: Image.Image) -> Image.Image:
    """Return a screenshot with a thin border and rounded corners, so that it stands out on a white page."""
    whole = Image.new("RGB", (shot.width + 4, shot.height + 4), BORDER)
    whole.paste(shot, (2, 2))
    return rounded(whole, 12)


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a headless Chromium: the one on the PATH, otherwise Playwright's own."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory on this machine and yield the server's address."""
    from ganzoo_play.serve import make_server

    with make_server(directory) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


@contextmanager
def in_place(directory: Path) -> Iterator[None]:
    """Change the current directory for the time of a block. Create the directory if it does not exist."""
    before = Path.cwd()
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    main()
