"""The pytest plugin: ``@pytest.mark.ganzoo(TARGET)`` on a test that takes ``ganzoo_check``.

The mark also takes the keywords of :func:`ganzoo.testing.check`. Every pytest in an environment with ganzoo loads this
module, so it imports almost nothing until a test uses the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ganzoo.testing.conformance import Case

FIXTURE, MARK = "ganzoo_check", "ganzoo"
HOW = f'mark the test with @pytest.mark.{MARK}("DISTRIBUTION"), or with the path of a .py file'


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", f"{MARK}(target, settings=(), location=None): what {FIXTURE} checks")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Generate one test for each check."""
    if FIXTURE not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None or not mark.args:
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid} takes {FIXTURE}: {HOW}")
    from ganzoo.errors import GanzooError
    from ganzoo.testing.conformance import plan

    try:
        cases = plan(*mark.args, **mark.kwargs).cases
    except GanzooError as error:
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {error}") from error
    metafunc.parametrize(FIXTURE, cases, ids=str, indirect=True)


class Checker:
    """A case as a test calls it: a failed check fails the test with one line, a skipped check skips the test."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def __call__(self) -> None:
        __tracebackhide__ = True
        result = self.case.result()
        if result.status == "skipped":
            pytest.skip(result.message)
        if result.status == "failed":
            pytest.fail(f"{result.subject}: {result.check}: {result.message}", pytrace=False)


@pytest.fixture
def ganzoo_check(request: pytest.FixtureRequest) -> Checker:
    """Return a callable that runs one check of the target named by the test's ``ganzoo`` mark."""
    return Checker(request.param)
