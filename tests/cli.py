"""The command line in this process."""

from __future__ import annotations

import pytest

from ganzoo.cli.main import main


@pytest.fixture
def ganzoo(capsys, tmp_path, monkeypatch):
    """Run the command line in an empty folder; its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        printed = capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    return call
