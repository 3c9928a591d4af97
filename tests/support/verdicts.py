"""Verdicts of the conformance kit on parts that tests define."""

from __future__ import annotations

from types import ModuleType

from ganzoo.plugin.registry import Registry
from ganzoo.testing.conformance import Plan, plan
from ganzoo.testing.verdict import Result
from support.violations import plugin_of


def plan_of(*entries) -> Plan:
    """Plan the checks of a plugin that registers the entries."""
    return plan_of_module(plugin_of(*entries))


def plan_of_module(module: ModuleType) -> Plan:
    """Plan the checks of a plugin, with no other plugin installed."""
    registry = Registry.load(strict=False, points=[], files=[])
    registry.add(lambda: module, "bad", "bad-dist", "1.0")
    return plan("bad-dist", registry=registry)


def failures(results: list[Result]) -> dict[str, str]:
    """Return the message of each failed check, by kind and check."""
    return {f"{r.subject.split()[0]} {r.check}": r.message for r in results if r.status == "failed"}
