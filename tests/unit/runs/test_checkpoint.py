from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError, WriteFailed
from ganzoo.runs import checkpoint as module
from ganzoo.runs.checkpoint import list_checkpoints, prune_checkpoints, write_checkpoint


def write(directory, shown, network=None, **state):
    return write_checkpoint(directory, {"shown": shown}, {"generator": network or nn.Linear(2, 2)}, state)


def test_weights_and_state_come_back(tmp_path):
    network = nn.Linear(2, 2)
    written = write(tmp_path, 1500, network, rng=torch.Generator().get_state())
    other = nn.Linear(2, 2)
    (found,) = list_checkpoints(tmp_path)
    found.load_weights("generator", other)
    assert torch.equal(other.weight, network.weight)
    assert set(found.load_state()) == {"rng"}
    assert found.kimg == written.kimg == 1.5


def test_an_interrupted_writing_is_no_checkpoint(tmp_path, monkeypatch):
    write(tmp_path, 1000)

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(module.torch, "save", fail)
    with pytest.raises(WriteFailed, match=r"cannot write .*kimg000002\.000: disk full; earlier files"):
        write(tmp_path, 2000)
    assert [c.kimg for c in list_checkpoints(tmp_path)] == [1.0]
    prune_checkpoints(tmp_path, keep=2, best=None)
    assert [path.name for path in tmp_path.iterdir()] == ["kimg000001.000"]


def test_the_newest_and_the_best_are_kept(tmp_path):
    for shown in (1000, 2000, 3000, 4000):
        write(tmp_path, shown)
    prune_checkpoints(tmp_path, keep=2, best="kimg000001.000")
    assert [c.kimg for c in list_checkpoints(tmp_path)] == [1.0, 3.0, 4.0]


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("this must not run",))

    written = write(tmp_path, 1000)
    torch.save({"rng": Evil()}, written.path / "state.pt", pickle_module=pickle)
    with pytest.raises(GanzooError, match=r"cannot read .*state\.pt"):
        written.load_state()


def test_weights_of_another_shape_are_refused(tmp_path):
    with pytest.raises(GanzooError, match="does not fit"):
        write(tmp_path, 1000).load_weights("generator", nn.Linear(3, 2))


def test_damaged_weights_are_refused(tmp_path):
    written = write(tmp_path, 1000)
    (written.path / "generator.safetensors").write_bytes(b"x" * 20)
    with pytest.raises(GanzooError, match="cannot read"):
        written.load_weights("generator", nn.Linear(2, 2))
