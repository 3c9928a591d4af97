"""The commands of the documentation run, with tiny budgets, in a directory that has the files they name.

`tests/integration/test_site.py` parses the commands of all pages; tests of their own run those of the tutorial and of
research.md to the letter.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from support.pages import commands_of
from support.sets import image

from ganzoo.cli.main import main

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PAGES = [
    "../README.md", "api.md", "benchmarks.md", "classes.md", "devices.md", "faq.md", "generators.md",
    "getting-started.md", "index.md", "lesson.md", "metrics.md", "own-pictures.md", "pretrained.md", "runs.md",
    "scale.md", "scores.md", "security.md", "shared-cpu.md",
]  # fmt: skip
NOT_RUN = {
    r"--devices": "it starts its own command line again; the tests of several devices run it",
    r"cuda:1": "a second GPU",
    r"^bench (?!compare)": "the tests of the benchmark run it",
    r"A\.json|RECORD\.json": "the reader's records",
    r"^play ": "it serves until it is stopped; the tests of the playground run it",
    r"^push |hf://": "it needs the hub; the tests of the hub run it against a stand-in",
    r"--inception FILE": "FILE is the reader's",
    r"fid-pytorch": "it needs pytorch-fid's weights",
    r"^run --config configs/cifar10.yaml": "it downloads CIFAR-10",
    r"classifier-accuracy": "it needs more images than a tiny run has",
}
RUNS = {
    "dcgan+wgan-gp": [], "dcgan+minimax": [], "dcgan+non-saturating": [], "stylegan-lite+non-saturating+r1": [],
    "dcgan+hinge": ["generator.conditional=true"],
}  # fmt: skip
GRIDS = [f"benchmarks/results/{grid}" for grid in ("fashion-grid", "older/fashion-bf16", "older/fashion-float32")]
SMALL = {"loop.kimg": "0.064", "loop.batch": "16", "loop.log_kimg": "0.032", "loop.device": "cpu"}
DOWNLOADED = r"\b(fashion-mnist|cifar10)(:(train|test))?$"


def ganzoo(place: Path, *words: str) -> tuple[int, str]:
    """Run a command line in a directory. Return its exit code and all that it printed."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.chdir(place)
        with pytest.raises(SystemExit) as stop:
            main(list(words))
    return int(stop.value.code or 0), said.getvalue()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A directory with the runs, images and samples that the pages name."""
    place = tmp_path_factory.mktemp("reader")
    for number in range(24):
        for directory, size in (("IMAGES/cats", 64), ("IMAGES/dogs", 64), ("SAMPLES", 28)):
            (place / directory).mkdir(parents=True, exist_ok=True)
            image(size, size, seed=number).save(place / directory / f"{number}.png")
    for grid in GRIDS:
        shutil.copytree(ROOT / grid, place / grid, ignore=shutil.ignore_patterns("weights", "*.png"))
    np.savez(place / "samples.npz", arr_0=np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8))
    for recipe, settings in RUNS.items():
        code, said = ganzoo(place, "run", recipe, *settings, *small({}), "metrics.names=[fid]", "metrics.fakes=16")
        assert code == 0, said
    return place


def small(given: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in SMALL.items() if name not in given]


def shortened(words: list[str], longer: int) -> list[str]:
    """Return a command with a tiny budget and without downloads. longer: how often its run was resumed before."""
    name, *rest = words
    for place, (before, word) in enumerate(zip(["", *rest], rest, strict=False)):
        if before == "--samples":
            rest[place] = "16"
        elif before == "--reference" or word.startswith("metrics.reference="):  # few images, quickly read
            rest[place] = re.sub(DOWNLOADED, "folder:IMAGES", word)
        elif word.startswith("data.name="):
            rest[place] = re.sub(DOWNLOADED, "fashion-10k", word)
    if name in ("run", "resume"):
        rest = [word for word in rest if not re.match(r"(loop\.(kimg|snapshot_kimg)|metrics\.(fakes|times))=", word)]
        given = dict(word.split("=", 1) for word in rest if "=" in word and not word.startswith("-"))
        if name == "resume":
            return [name, *rest, f"loop.kimg={0.064 * (longer + 2):g}"]
        names = [] if "metrics.names" in given else ["metrics.names=[]"]
        return [name, *rest, *small(given), *names, "metrics.fakes=16"]
    if name == "eval" and "--reference" not in rest:
        rest += ["--reference", "folder:IMAGES"]
    if name in ("eval", "fid", "score") and "--samples" not in rest:
        rest += ["--samples", "16"]
    return [name, *rest]


def skipped(words: list[str]) -> bool:
    return any(re.search(pattern, shlex.join(words)) for pattern in NOT_RUN)


DONE = set[str]()  # commands that another page had before: each is run once in a process


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page, prepared, tmp_path):
    place = tmp_path / "reader"
    shutil.copytree(prepared, place)
    resumed, commands = 0, commands_of((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert commands
    for words in commands:
        if skipped(words) or shlex.join(words) in DONE:
            continue
        DONE.add(shlex.join(words))
        command = shortened(words, resumed)
        code, said = ganzoo(place, *command)
        assert code == 0, f"{page}: ganzoo {shlex.join(words)}, as {shlex.join(command)}: {said}"
        resumed += words[0] == "resume"
