"""Writes ``report.html`` from a run's directory."""

from __future__ import annotations

import logging
from pathlib import Path

from ganzoo.errors import GanzooError, described
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.files import write_text
from ganzoo.utils.waiting import waiting
from ganzoo_report.closer import read_look
from ganzoo_report.page import to_page
from ganzoo_report.places import report_file
from ganzoo_report.story import read_story

logger = logging.getLogger(f"ganzoo.{__name__}")


def write_report(directory: RunDir) -> Path:
    """Write the report of a run, finished or not, and return its path.

    Raises GanzooError if the run cannot be read or the report cannot be written.
    """
    file = report_file(directory.path)
    try:
        with waiting(f"writing {file}"):
            page = to_page(read_facts(directory), read_story(directory), read_look(directory))
        write_text(file, page)
    except OSError as error:
        raise GanzooError(f"cannot write {file}: {error.strerror or error}") from error
    return file


def report_or_say_why(directory: RunDir) -> Path | None:
    """Write the report at the end of a run and return its path. Log errors and return None: the run must not fail."""
    try:
        return write_report(directory)
    except Exception as error:  # the run matters more than any error here
        logger.warning(f"no report: {described(error)}; try `ganzoo report {directory.path}`")
        return None
