from __future__ import annotations

import pytest
from support.leaderboard_page import Opened, write_leaderboard


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of a small leaderboard."""
    return write_leaderboard(tmp_path_factory.mktemp("leaderboard"))


@pytest.fixture
def opened(browser, file):
    """The page, opened in a browser."""
    found = Opened(browser, file, viewport={"width": 1600, "height": 1000})
    yield found
    found.context.close()
