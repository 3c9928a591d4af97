from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SPEED = Path(__file__).parents[2] / "benchmarks/speed"


@pytest.fixture
def script(monkeypatch, tmp_path):
    """Imports a script of ``benchmarks/speed`` by name; its tables go into ``tmp_path``."""
    monkeypatch.syspath_prepend(str(SPEED))

    def imported(name):
        module = importlib.import_module(name)
        monkeypatch.setattr(importlib.import_module("pairs"), "RESULTS", tmp_path / "tables")
        return module

    return imported
