from __future__ import annotations

import os
import shutil
from pathlib import Path

if os.environ.get("PYTEST_XDIST_WORKER"):  # one core per worker and subprocess; before torch is imported
    os.environ["OMP_NUM_THREADS"] = "1"
# The programs in tests/support import other modules of that directory.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
os.environ["GANZOO_WAITS"] = "off"  # no notes on waits: on a busy machine anything may take two seconds
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it once, and is not deterministic without it

import pytest
from support.browsing import settle

from ganzoo.cli.main import main
from ganzoo.plugin.registry import Registry

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by Playwright. Tests that use it are skipped if either is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def open_page(browser):
    """A function that opens a page. No page may write to the console or request anything but file: and data: URLs."""
    contexts = []
    said: list[str] = []
    asked: set[str] = set()

    def opened(file, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)  # a page takes long on a busy machine
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(file.as_uri())
        settle(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert all(url.startswith(("file:", "data:")) for url in asked)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The installed zoo, without the report plugin, which is slow. A plugin that fails to load fails the tests."""
    registry = Registry.load(strict=True)
    registry._manager.unregister(name="ganzoo:report")
    return registry


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """A temporary cache directory for the whole session, so that the user's cache is not used."""
    before = os.environ.get("GANZOO_DATA")
    os.environ["GANZOO_DATA"] = str(tmp_path_factory.mktemp("ganzoo-data"))
    yield
    if before is None:
        del os.environ["GANZOO_DATA"]
    else:
        os.environ["GANZOO_DATA"] = before


TINY = {
    "mlp": ["generator.width=32", "discriminator.width=32", "generator.layers=1", "discriminator.layers=1"],
    "dcgan": ["generator.width=8", "discriminator.width=8"],
    "sngan": ["generator.width=8", "discriminator.width=8"],
    "biggan-lite": [
        *(f"{network}.{name}=8" for network in ("generator", "discriminator") for name in ("width", "width_max")),
        "generator.latent_dim=12",
        "generator.embedding=4",
    ],
    "stylegan-lite": ["generator.width=8", "discriminator.width=8"],
}


@pytest.fixture(scope="session")
def tiny():
    """A function that returns settings for a small and fast run of an architecture, without metrics."""

    def settings(architecture: str, **loop: object) -> list[str]:
        values = {"kimg": 0.512, "batch": 16, "log_kimg": 0.128, "snapshot_kimg": 0.256, "device": "cpu", **loop}
        return [*TINY[architecture], "metrics.names=[]", *(f"loop.{key}={value}" for key, value in values.items())]

    return settings


@pytest.fixture
def logged():
    """A list of the lines that are logged below ``ganzoo``."""
    from ganzoo.console.messages import Messages, showing

    lines: list[str] = []
    with showing(Messages(lines.append, lines.append)):
        yield lines


@pytest.fixture
def make_loop(registry, tmp_path, tiny):
    """A function that builds a small loop of a recipe, with a run directory of the given name."""
    from support.loops import build_loop

    def make(recipe, name, settings=(), device="cpu"):
        chosen = [*tiny(recipe.split("+")[0], device=device), *settings]
        return build_loop(registry, tmp_path / name, recipe, chosen)

    return make


@pytest.fixture
def ganzoo(capsys, tmp_path, monkeypatch):
    """A function that runs the command line in an empty directory. It returns the exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return call


LONGEST = {
    name: place
    for place, name in enumerate(
        ("test_distributions.py", "test_whole.py", "test_docs.py", "test_devices.py", "test_trust.py", "test_bench.py")
    )
}
"""The files with tests of half a minute and more, in the order in which they begin."""


def pytest_collection_modifyitems(items):
    """Mark unit tests without the mark ``seconds`` or ``long`` as ``fast``, and put the longest tests first."""
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).parts if item.path.is_relative_to(here) else ()
        if place[:1] == ("unit",) and not any(map(item.get_closest_marker, ("seconds", "long"))):
            item.add_marker("fast")
    items.sort(key=lambda item: LONGEST.get(item.path.name, len(LONGEST)))  # so that none runs alone at the end
