"""The report's own files in a run directory.

closer/           an analysis of the generator, see ganzoo_report.analysis.run
report.html       see ganzoo_report.page
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo.runs.run_dir import RunDir, read_json


def report_file(run: Path) -> Path:
    """Return the path of a run's report."""
    return run / "report.html"


def analysis_directory(run: Path) -> Path:
    """Return the directory of a run's analysis."""
    return run / "closer"


def analysis_file(run: Path) -> Path:
    """Return the path of the analysis's figures; it is written last."""
    return analysis_directory(run) / "look.json"


def read_analysis(directory: RunDir) -> dict[str, Any]:
    """Return the analysis's figures; empty if it was not taken or is damaged."""
    return read_json(analysis_file(directory.path))
