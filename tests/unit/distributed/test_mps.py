"""The MPS device (Apple silicon), tested without one: when it is picked, and that training needs nothing it lacks."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import torchgen
import yaml
from support.loops import build_loop
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import ganzoo.training.stats
from ganzoo.distributed import collectives
from ganzoo.distributed.device import (
    accumulator,
    has_bf16,
    memory_format,
    missing_operators_named,
    pick_device,
    wants_bf16,
    wants_fp16,
    with_float64,
)
from ganzoo.distributed.random import MPS_STATE, restore_stream
from ganzoo.errors import GanzooError
from ganzoo.metrics.running import RunningStatistics
from ganzoo_fidelity.frechet import frechet_distance
from ganzoo_fidelity.on_device import precision_recall, subset_mmds

MPS = torch.device("mps")
ARCHITECTURES = ("mlp", "dcgan", "sngan", "biggan-lite", "stylegan-lite")
LOSSES = ("minimax", "non-saturating", "wgan-gp", "wgan", "lsgan", "hinge", "relativistic", "top-k")
OTHERS = [
    *("mlp+minimax+dragan", "mlp+minimax+r1+r2", "mlp+minimax+lecam", "mlp+minimax+bcr", "mlp+minimax+path-length"),
    *("dcgan+minimax+diffaug", "dcgan+minimax+ada", "stylegan-lite+non-saturating+r1+ada"),
]
UNSUPPORTED = (torch.float64, torch.complex64, torch.complex128)


@pytest.fixture
def apple(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


def test_auto_is_cuda_then_mps_then_the_cpu(apple, monkeypatch):
    assert pick_device("auto") == pick_device("mps") == MPS
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(GanzooError, match=r"^device mps: this machine has no MPS device; use cpu$"):
        pick_device("mps")


def test_several_processes_do_not_share_it(apple, monkeypatch):
    monkeypatch.setattr(collectives, "_here", collectives.Place(0, 2, True))
    assert pick_device("auto").type == "cpu"
    with pytest.raises(GanzooError, match="one device for several processes"):
        pick_device("mps")


def test_it_computes_in_float32_alone():
    assert not has_bf16(MPS) and not wants_bf16("auto", MPS) and not wants_fp16("auto", MPS)
    assert accumulator(MPS) == torch.float32 and accumulator(torch.device("cpu")) == torch.float64
    assert with_float64(MPS).type == "cpu" and with_float64(torch.device("cuda")).type == "cuda"
    assert memory_format(MPS) == torch.contiguous_format
    for precision in ("bf16", "fp16"):
        with pytest.raises(GanzooError, match=f"loop.precision={precision}: runs on mps compute in float32"):
            wants_bf16(precision, MPS)


def test_an_operator_that_it_lacks_is_named_in_one_line():
    text = (
        "The operator 'aten::kthvalue.values' is not currently implemented for the MPS device. If you want this op to "
        "be considered for addition please comment on https://github.com/pytorch/pytorch/issues/141287."
    )
    said = r"no operator aten::kthvalue.values for the device mps; .*MPS_FALLBACK=1"
    with pytest.raises(GanzooError, match=said), missing_operators_named():
        raise NotImplementedError(text)
    with pytest.raises(NotImplementedError, match="of a plugin"), missing_operators_named():
        raise NotImplementedError("of a plugin")


def test_a_run_names_it(make_loop, monkeypatch):
    loop = make_loop("mlp+minimax", "run")

    def lacking(*_: object) -> None:
        raise NotImplementedError("The operator 'aten::x' is not currently implemented for the MPS device.")

    monkeypatch.setattr(loop.step, "update_both", lacking)
    with pytest.raises(GanzooError, match="no operator aten::x for the device mps"):
        loop.train()


class MpsRandom:
    """A stand-in for the random number generator of MPS."""

    device = MPS

    def set_state(self, state):
        assert state.numel() == MPS_STATE
        self.taken = state

    def manual_seed(self, seed):
        self.seed = seed


def test_random_states_of_other_devices_are_not_taken_over():
    of_mps = torch.zeros(MPS_STATE, dtype=torch.uint8)
    rng = MpsRandom()
    restore_stream(rng, of_mps, 1, 2)
    assert rng.taken is of_mps and not hasattr(rng, "seed")
    restore_stream(rng, torch.Generator().get_state(), 1, 2)
    again = torch.Generator()
    restore_stream(again, of_mps, 1, 2)
    assert again.initial_seed() == rng.seed


class OnMps(torch.Tensor):
    """A tensor that reports the device MPS and refuses float64, as MPS tensors do."""

    @property
    def device(self):
        return MPS

    def double(self):
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")

    def to(self, device):
        assert torch.device(device).type == "cpu"
        return self.as_subclass(torch.Tensor)


def test_scores_leave_float64_to_the_cpu():
    features = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    other = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    found = []
    for kind in (torch.Tensor, OnMps):
        running = RunningStatistics()
        running.add(features.as_subclass(kind))
        one, two = features.as_subclass(kind), other.as_subclass(kind)
        found.append(
            (running.result(), subset_mmds(one, two, size=8, seed=0), precision_recall(one, two, neighbours=3))
        )
    plain, apple = found
    assert all(np.array_equal(plain[0][name], apple[0][name]) for name in ("mu", "sigma"))
    assert torch.equal(plain[1], apple[1]) and plain[2] == apple[2]
    halved = {"mu": plain[0]["mu"] / 2, "sigma": plain[0]["sigma"] / 2}
    assert frechet_distance(plain[0], halved, "mps") == frechet_distance(plain[0], halved) > 0


def kernels() -> dict[str, bool]:
    """Return, for each operator in torch's own table, whether it has a kernel for MPS or for all devices."""
    file = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    table = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    entries = {entry["func"].partition("(")[0]: entry for entry in table}

    def has(entry: dict) -> bool:
        if "structured_delegate" in entry:
            return has(entries[entry["structured_delegate"]])
        keys = {key.strip() for names in entry.get("dispatch", {}) for key in names.split(",")}
        return not keys or any(key == "MPS" or key.startswith("Composite") for key in keys)

    return {name: has(entry) for name, entry in entries.items()}


class Mps(TorchDispatchMode):
    """Collects what MPS would refuse: operators without an MPS kernel, and types that MPS lacks."""

    def __init__(self, known: dict[str, bool]) -> None:
        super().__init__()
        self.known, self.refused, self.seen = known, set(), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        namespace, _, name = func._schema.name.partition("::")
        if func._schema.overload_name:
            name += f".{func._schema.overload_name}"
        if namespace == "aten":
            self.seen += 1
            if not self.known[name]:
                self.refused.add(name)
        for tensor in tree_leaves((args, kwargs, result)):
            if isinstance(tensor, torch.Tensor) and tensor.dtype in UNSUPPORTED:
                self.refused.add(f"{name} of {tensor.dtype}")
        return result


@pytest.fixture(scope="module")
def known() -> dict[str, bool]:
    return kernels()


@pytest.mark.seconds
@pytest.mark.parametrize("recipe", [*map("+".join, product(ARCHITECTURES, LOSSES)), *OTHERS])
def test_a_step_asks_nothing_of_the_device_that_it_lacks(registry, tiny, tmp_path, known, monkeypatch, recipe):
    monkeypatch.setattr(ganzoo.training.stats, "accumulator", lambda device: accumulator(MPS))
    settings = [*tiny(recipe.split("+")[0]), "loop.precision=float32"]
    with Mps(known) as mps:
        loop = build_loop(registry, tmp_path / "run", recipe, settings)
    mps.refused.clear()  # the model and the data set are built on the CPU
    with mps:
        loop.iteration()
        loop.iteration()
    assert mps.seen > 100
    assert mps.refused == set()


def test_the_table_knows_what_is_missing(known):
    """heaviside has no kernel for MPS; add and lerp have one. If all had one, the test above could not fail."""
    assert not known["heaviside"] and known["add.Tensor"] and known["lerp.Tensor"]
