"""The conformance kit: what a plugin must do, checked part by part.

On the command line, ``ganzoo plugins check DISTRIBUTION`` or ``ganzoo plugins check FILE.py``. In a distribution's own
tests, through the pytest plugin that comes with ganzoo::

    import pytest

    @pytest.mark.ganzoo("ganzoo-absolute")
    def test_conformance(ganzoo_check):
        ganzoo_check()

This gives one test for each check of each part that the distribution registers. From Python, call :func:`check`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ganzoo.testing.verdict import Failure, Result, Skipped, Verdict


def check(target: str, *, settings: Iterable[str] = (), location: str | None = None) -> Verdict:
    """Run every check of a distribution or a ``.py`` file.

    settings: KEY=VALUE settings of its parts, such as ``generator.width=8``. location: the path of the images, for a
    data set that needs one. Raises GanzooError if the target does not exist.
    """
    from ganzoo.testing.conformance import plan

    return plan(target, settings=settings, location=location).verdict()


__all__ = ["Failure", "Result", "Skipped", "Verdict", "check"]
