"""Every bad input of ``benchmarks/trust/inputs.py`` is handled, or refused with one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks/trust"))

from cases import Case, judge
from inputs import TABLES

CASES = [(name, case) for name, (_, cases) in TABLES.items() for case in cases()]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{name}: {case.what}") for name, case in CASES])
def test_a_bad_input_has_the_end_that_the_table_says(case: Case):
    outcome = judge(case)
    assert outcome.good, f"{outcome.fate}: {outcome.said}"
