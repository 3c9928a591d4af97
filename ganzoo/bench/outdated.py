"""The settings of a row that differ from those of its recipe today, for example after a default has changed."""

from __future__ import annotations

from ganzoo.bench.record import Record
from ganzoo.config.schema import MACHINE_CHOICES, Config
from ganzoo.errors import printable
from ganzoo.runs.changes import PLACES, plain
from ganzoo.utils.layers import flatten

# Differ between seeds and machines: paths, and what a calibration chooses.
NOT_COMPARED = ("seed", *PLACES, *(f"loop.{name}" for name in MACHINE_CHOICES))


def changed_settings(record: Record, today: Config) -> list[str]:
    """Return the settings that training the row again would change, such as "loop.batch 32, now 16".

    Settings that did not exist when the row was trained are left out. today: the configuration of the row's job.
    """
    then, now = dict(flatten(record.config)), dict(flatten(plain(today.as_dict())))
    return [
        printable(f"{key} {then[key]}, now {now[key]}")
        for key in sorted(then.keys() & now.keys())
        if then[key] != now[key] and not key.startswith(NOT_COMPARED)
    ]
