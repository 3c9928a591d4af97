"""Registers `fid` and `score`, which score images from any source, and `stats`, which writes files of statistics."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import CommandEntry, hookimpl

GROUP = "Train and score"


@hookimpl
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    register(
        CommandEntry(
            name="fid",
            summary="Compute the FID of two directories, sets, runs or files.",
            target="ganzoo_score.commands:fid",
            group=GROUP,
        )
    )
    register(
        CommandEntry(
            name="score",
            summary="Score a directory, set, run or file against another.",
            target="ganzoo_score.commands:score",
            group=GROUP,
        )
    )
    register(
        CommandEntry(
            name="stats",
            summary="Write mean and covariance of a set's features to a file.",
            target="ganzoo_score.commands:stats",
            group=GROUP,
        )
    )
