"""Changes of settings, as a run's provenance records them."""

from __future__ import annotations

import json
import math

import pytest

from ganzoo.runs.changes import (
    CHANGES,
    change_in_words,
    changes_in_force,
    note_change,
    public_changes,
    read_changes,
)
from ganzoo.utils.checksum import sealed

LONGER = note_change({"loop.kimg": (2.0, 4.0)}, 2.016)


def test_a_change_says_what_changed_and_when():
    assert LONGER["settings"] == {"loop.kimg": {"from": 2.0, "to": 4.0}}
    assert LONGER["kimg"] == 2.016 and LONGER["by"] == "resume"
    assert note_change({}, 0, edited=True)["by"] == "an edit of config.yaml"
    assert change_in_words(LONGER) == "from 2.016 kimg on loop.kimg from 2.0 to 4.0"
    assert read_changes(json.loads(json.dumps({CHANGES: [LONGER]}))) == [LONGER]


def test_a_number_that_is_not_finite_can_be_sealed():
    assert sealed(note_change({"metrics.every_kimg": (None, math.inf)}, 1.0))


@pytest.mark.parametrize(
    "noted",
    [None, "x", {"kimg": 1}, [1], [{"kimg": "1", "settings": {}}], [{"kimg": 1, "settings": {"a": 1}}],
     [{"kimg": 1, "settings": {"a": {"from": 1}}}], [{"settings": {}}]],
)  # fmt: skip
def test_what_is_damaged_is_left_out(noted):
    assert read_changes({CHANGES: noted}) == []


def test_a_change_that_never_came_into_force_is_forgotten():
    more = note_change({"loop.kimg": (4.0, 8.0)}, 4.0)
    assert changes_in_force([LONGER, more], {"loop.kimg": 8.0}, 4.0) == [LONGER, more]
    assert changes_in_force([LONGER, more], {"loop.kimg": 4.0}, 4.0) == [LONGER]
    assert changes_in_force([LONGER, more], {"loop.kimg": 2.0}, 4.0) == []


def test_where_a_checkpoint_was_damaged_the_change_came_earlier():
    assert changes_in_force([LONGER], {"loop.kimg": 4.0}, 1.5)[0]["kimg"] == 1.5


def test_places_on_one_machine_are_not_published():
    moved = note_change({"data.name": ("folder:/home/me/cats", "folder:/mnt/cats"), "data.root": (None, "/x")}, 1.0)
    (change,) = public_changes([moved])
    assert change["settings"] == {"data.name": {"from": "folder:cats", "to": "folder:cats"}}
    assert public_changes([note_change({"data.root": (None, "/x")}, 1.0)]) == []
    (change,) = public_changes([note_change({"metrics.reference": (None, "/home/me/stats.npz")}, 1.0)])
    assert change["settings"] == {"metrics.reference": {"from": None, "to": "stats.npz"}}
