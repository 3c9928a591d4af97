"""Read the notebooks of the documentation and run each in its own kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"


def read(name: str) -> Any:
    """Return a notebook; the test is skipped without nbformat."""
    return pytest.importorskip("nbformat").read(NOTEBOOKS / name, as_version=4)


def execute(name: str, place: Path, fewer: Mapping[str, str]) -> list[Any]:
    """Run a notebook in a directory and return its code cells. fewer: texts to replace in its cells before it runs."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = read(name)
    for written, instead in fewer.items():
        (cell,) = (cell for cell in notebook.cells if written in cell.source)
        cell.source = cell.source.replace(written, instead)
    client = nbclient.NotebookClient(
        notebook, timeout=500, kernel_name="python3", resources={"metadata": {"path": str(place)}}
    )
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(cell: Any, kind: str) -> list[str]:
    """Return the outputs of a cell in a format."""
    return [output["data"][kind] for output in cell.outputs if kind in output.get("data", {})]


def printed(cells: list[Any]) -> str:
    """Return the text that cells print."""
    streams = [output for cell in cells for output in cell.outputs if output.output_type == "stream"]
    return "".join(output.text for output in streams)
