"""The formulas of a combination, from the formulas that its entries state."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from ganzoo.entries import LossEntry, PenaltyEntry
from ganzoo.models.augmented import ScheduledPenalty
from ganzoo.utils.files import one_line
from ganzoo_explain.system import Learner, Line

SYMBOL: dict[Learner, str] = {"discriminator": "D", "generator": "G"}
UNSTATED = "(its plugin states no formula)"


def loss_formula(entry: LossEntry, learner: Learner, params: Any) -> tuple[Line, ...]:
    """Return one network's side of a loss, and the meaning of its symbols.

    Entries write ``D: ...; G: ...; notes``. A formula in any other form is shown in full on both sides.
    """
    sides, notes = _split_sides(entry.formula)
    if not sides:
        whole, notes = "; ".join(notes) or UNSTATED, []
    else:
        whole = sides.get(SYMBOL[learner], UNSTATED)
    own, *more = _split_terms(whole)
    lines = [Line(f"{SYMBOL[learner]} loss = {own}", "formula"), *(Line(term, "formula") for term in more)]
    where = [note for note in notes if _mentions(whole, note.split()[0])] + _values(whole, params)
    if where:
        lines.append(Line("where " + ", ".join(where)))
    return tuple(lines)


def penalty_formula(
    entry: PenaltyEntry, scheduled: ScheduledPenalty, params: Any, learner: Learner
) -> tuple[Line, ...]:
    """Return a penalty as a further term of one network's loss, with its weight in the steps in which it applies."""
    sides, _ = _split_sides(entry.formula)
    weight, formula = f"{float(scheduled.weight):g}", sides.get(SYMBOL[learner]) or one_line(entry.formula)
    if not formula:
        term = f"{weight} * {entry.name}"
    elif _mentions(formula, "weight"):
        term = re.sub(r"\bweight\b", lambda _: weight, formula)
    else:
        term = f"{weight} * ({formula})"
    where = _values(formula, params, ("weight", "interval"))
    notes = [f"{entry.name}, {how_often(scheduled.interval)}", *where]
    return Line(f"+ {term}", "formula"), Line(", ".join(notes))


def how_often(interval: int) -> str:
    """Return an interval in words."""
    if interval == 1:
        return "at every step"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(interval % 10 if interval % 100 not in (11, 12, 13) else 0, "th")
    return f"at every {interval}{ending} step"


def _split_sides(formula: str) -> tuple[dict[str, str], list[str]]:
    """Return the clauses after ``D:`` and ``G:`` in a formula, by that letter, and the list of other clauses."""
    clauses = [clause.strip() for clause in one_line(formula).split(";") if clause.strip()]
    sides = {m[1]: m[2] for clause in clauses if (m := re.match(r"([DG])\s*[:=]\s*(.+)", clause))}
    return sides, [clause for clause in clauses if not re.match(r"[DG]\s*[:=]", clause)]


def _split_terms(formula: str) -> list[str]:
    """Split a sum of expectations into one term per line: each ``+ E[`` or ``- E[`` after a space starts a new one."""
    return re.split(r"\s(?=[+-] E\[)", formula)


def _values(formula: str, params: Any, without: tuple[str, ...] = ()) -> list[str]:
    """Return the parameters that a formula names, with their values."""
    names = [item.name for item in fields(params) if item.name not in without]
    return [f"{name} = {getattr(params, name)}" for name in names if _mentions(formula, name)]


def _mentions(formula: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", formula) is not None
