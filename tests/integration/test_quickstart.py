"""`docs/quickstart.ipynb` runs from its first cell to its last in a kernel of its own, and shows what it promises.

To the letter where there is time, else with fewer images to train on and to score.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.long
NOTEBOOK = Path(__file__).parents[2] / "docs/quickstart.ipynb"


FEWER = {'"loop.kimg": 2,': '"loop.kimg": 0.5,', "samples=128": "samples=32"}


@pytest.fixture(scope="module", params=[FEWER, pytest.param({}, marks=pytest.mark.slow)], ids=["brief", "letter"])
def cells(request, tmp_path_factory):
    """The notebook's five code cells after they ran."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells), "committed without outputs"
    for written, fewer in request.param.items():
        (cell,) = (cell for cell in notebook.cells if written in cell.source)
        cell.source = cell.source.replace(written, fewer)
    place = str(tmp_path_factory.mktemp("notebook"))
    client = nbclient.NotebookClient(
        notebook, timeout=500, kernel_name="python3", resources={"metadata": {"path": place}}
    )
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(cell, kind: str) -> list[str]:
    """What a cell shows in a format."""
    return [output["data"][kind] for output in cell.outputs if kind in output.get("data", {})]


def test_it_has_five_code_cells(cells):
    assert len(cells) == 5


def test_progress_and_samples_are_shown_inline(cells):
    assert any("kimg" in html for html in outputs(cells[1], "text/html"))
    assert len(outputs(cells[1], "image/png")) == 2  # the newest grid while it trains, and the run itself
    assert outputs(cells[3], "image/png")


def test_it_ends_with_a_score(cells):
    assert "'fid':" in outputs(cells[4], "text/plain")[-1]


def test_nothing_was_printed(cells):
    streams = [output for cell in cells for output in cell.outputs if output.output_type == "stream"]
    assert [output.text for output in streams if "TqdmWarning" not in output.text] == []  # tqdm wants ipywidgets
