from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SPEED = Path(__file__).parents[2] / "benchmarks/speed"


@pytest.fixture
def script(monkeypatch, tmp_path):
    """A function that imports a script of ``benchmarks/speed`` by name. Its tables are written to ``tmp_path``."""
    monkeypatch.syspath_prepend(str(SPEED))

    def imported(name):
        module = importlib.import_module(name)
        monkeypatch.setattr(importlib.import_module("pairs"), "RESULTS", tmp_path / "tables")
        return module

    return imported
