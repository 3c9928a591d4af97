"""`docs/notebooks/quickstart.ipynb` runs from its first cell to its last in its own kernel and shows the expected
results.

Slow tests run it unchanged; the other tests train on and score fewer images.
"""

from __future__ import annotations

import pytest
from support.notebooks import execute, outputs, read

pytestmark = pytest.mark.long


FEWER = {'"loop.kimg": 2,': '"loop.kimg": 0.5,', "samples=128": "samples=32"}


@pytest.fixture(scope="module", params=[FEWER, pytest.param({}, marks=pytest.mark.slow)], ids=["brief", "letter"])
def cells(request, tmp_path_factory):
    """The notebook's five code cells after they ran."""
    notebook = read("quickstart.ipynb")
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells), "committed without outputs"
    return execute("quickstart.ipynb", tmp_path_factory.mktemp("notebook"), request.param)


def test_it_has_five_code_cells(cells):
    assert len(cells) == 5


def test_progress_and_samples_are_shown_inline(cells):
    assert any("kimg" in html for html in outputs(cells[1], "text/html"))
    assert len(outputs(cells[1], "image/png")) == 2  # the newest grid during training, and the run
    assert outputs(cells[3], "image/png")


def test_it_ends_with_a_score(cells):
    assert "'fid':" in outputs(cells[4], "text/plain")[-1]


def test_nothing_was_printed(cells):
    streams = [output for cell in cells for output in cell.outputs if output.output_type == "stream"]
    assert [output.text for output in streams if "TqdmWarning" not in output.text] == []  # tqdm needs ipywidgets
