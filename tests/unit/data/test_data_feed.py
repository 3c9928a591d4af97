from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganzoo import ImageSpec
from ganzoo.data import loader
from ganzoo.data.dataset import Images
from ganzoo.data.loader import Feed


def numbered(count: int) -> Images:
    """Return images whose left half and label are their number; the right half is 0."""
    array = np.zeros((count, 1, 4, 4), np.uint8)
    array[..., :2] = np.arange(count)[:, None, None, None]
    return Images(array, np.arange(count), ImageSpec(1, 4, count), "numbers", "train", "f" * 64)


def labels(feed: Feed, shown: int) -> list[int]:
    return feed.batch(shown)[1].tolist()


def test_images_are_scaled_and_labelled():
    real, label = Feed(numbered(200), 8, 0, "cpu").batch(0)
    assert real.dtype == torch.float32 and real.shape == (8, 1, 4, 4)
    assert torch.allclose(real[:, 0, 0, 0], label / 127.5 - 1)
    assert (real[..., 2:] == -1).all()


def test_each_variant_has_an_order_of_its_own():
    feed, orders = Feed(numbered(50), 8, 1, "cpu"), []
    for variant in (0, 1, 2, 0):
        feed.vary(variant)
        orders.append(labels(feed, 0))
    assert orders[0] == orders[3] == labels(Feed(numbered(50), 8, 1, "cpu"), 0)
    assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize(("count", "batch"), [(10, 4), (7, 3), (3, 8)])
def test_every_epoch_shows_each_image_once(count, batch):
    feed = Feed(numbered(count), batch, 0, "cpu")
    seen = [number for shown in range(0, count * batch, batch) for number in labels(feed, shown)]
    for epoch in range(batch):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))
    assert seen[:count] != seen[count : 2 * count]


def test_the_order_depends_on_seed_and_count_alone():
    feed = Feed(numbered(50), 8, 1, "cpu")
    forwards = [labels(feed, shown) for shown in range(0, 400, 8)]
    fresh = Feed(numbered(50), 8, 1, "cpu")
    assert [labels(fresh, shown) for shown in reversed(range(0, 400, 8))] == forwards[::-1]
    assert labels(Feed(numbered(50), 8, 2, "cpu"), 0) != forwards[0]


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    Feed(numbered(50), 8, 1, "cpu", mirror=True).batch(0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_set_without_labels_gives_none():
    assert Feed(replace(numbered(50), labels=None), 8, 1, "cpu").batch(0)[1] is None


def test_streaming_equals_resident():
    one, other = (Feed(numbered(50), 8, 1, "cpu", mirror=True, resident=resident) for resident in (True, False))
    for shown in range(0, 200, 8):
        for a, b in zip(one.batch(shown), other.batch(shown), strict=True):
            assert torch.equal(a, b)


def test_mirror_flips_about_half_the_same_way_each_time():
    feed = Feed(numbered(100), 100, 0, "cpu", mirror=True)
    real, label = feed.batch(0)
    flipped = (real[:, 0, 0, 0] == -1) & (label > 0)
    assert 25 < flipped.sum() < 75
    assert torch.equal(real, feed.batch(0)[0])
    assert torch.allclose(real[flipped, 0, 0, 3], label[flipped] / 127.5 - 1)


def test_ranks_on_one_machine_share_its_memory(monkeypatch):
    monkeypatch.setattr(loader.Path, "read_text", lambda path: "MemAvailable: 4 kB\n")  # 50 images take 800 bytes
    assert Feed(numbered(50), 8, 0, "cpu").resident
    monkeypatch.setattr(loader.collectives, "ranks_here", lambda: 4)
    assert not Feed(numbered(50), 8, 0, "cpu").resident
