"""Write the leaderboard's two files, Markdown and a page, from a directory of records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ganzoo.bench.leaderboard.board import read_report
from ganzoo.bench.leaderboard.markdown import to_markdown
from ganzoo.bench.leaderboard.page import to_page
from ganzoo.errors import GanzooError
from ganzoo.utils.files import write_text
from ganzoo.utils.waiting import waiting

Say = Callable[[str], None]


def write_report(
    results: Path, markdown: Path, page: Path, published: Path, say: Say = lambda line: None
) -> list[Path]:
    """Write the leaderboard as Markdown and as a page; return both files.

    say: called with one line for each thing that is missing, such as a record that is left out.
    Raises GanzooError if there is no record, or if a directory or the page cannot be made.
    """
    with waiting("reading records"):
        report = read_report(results, published)
    for line in report.omitted:
        say(line)
    for file in (markdown, page):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GanzooError(f"cannot make {file.parent}: {error.strerror}; choose another --out") from error
    write_text(markdown, to_markdown(report, markdown.parent))
    try:
        with waiting("making the leaderboard's page"):
            content = to_page(report)
        write_text(page, content)
    except GanzooError as error:
        raise GanzooError(f"{markdown} is written, {page} is not: {error}") from error
    return [markdown, page]
