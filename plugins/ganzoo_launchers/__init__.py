"""Registers the launchers `local` (this machine) and `ray` (a Ray cluster)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganzoo import LauncherEntry, hookimpl
from ganzoo.entries import at_least, param


@dataclass
class LocalParams:
    slots: int | None = param(None, "jobs side by side; null: measured, or one with a budget of minutes")
    gain: float = param(0.1, "on a GPU: the least gain in total speed that one more job must bring, as a share")

    def __post_init__(self) -> None:
        at_least(self, 1, "slots")


@dataclass
class RayParams:
    address: str | None = param(None, "address of a cluster: auto, HOST:PORT or ray://HOST:PORT; null: start one here")
    cpus: float = param(1, "CPUs for each job")
    gpus: float = param(0, "GPUs for each job; a fraction lets several jobs share one")
    retries: int = param(3, "how often a job is restarted after its worker was lost")

    def __post_init__(self) -> None:
        at_least(self, 0, "cpus", "gpus", "retries")
        if self.gpus > 1 and self.gpus % 1:  # Ray refuses it when the first job begins
            raise ValueError(f"gpus is {self.gpus:g}, must be a whole number or below 1")


@hookimpl
def register_launchers(register: Callable[[LauncherEntry], None]) -> None:
    register(
        LauncherEntry(
            name="local",
            summary="This machine: one job at a time, or several side by side if that is measured to be faster",
            target="ganzoo_launchers.local:LocalLauncher",
            params=LocalParams,
            default=True,
        )
    )
    register(
        LauncherEntry(
            name="ray",
            summary="A Ray cluster: one task per job, restarted from its checkpoint if a worker is lost",
            target="ganzoo_launchers.ray:RayLauncher",
            params=RayParams,
        )
    )
