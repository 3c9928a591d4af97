"""A stand-in for the parts of ``torch.cuda`` that a capture uses, with the state that torch 2.11 leaves if it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import count

import pytest
import torch
from torch.torch_version import TorchVersion

MAIN, SIDE = "the main stream", "the capture's stream"


class State:
    """The state of a random generator. A graph keeps a reference to it."""

    def __init__(self, drawn: int = 0) -> None:
        self.drawn, self.capturing, self.of_graph = drawn, False, 0


class Random:
    """A stand-in for a CUDA generator, which only counts the draws."""

    def __init__(self, cuda: Cuda, state: State | None = None) -> None:
        self.cuda, self.state = cuda, state or State()

    def draw(self) -> None:
        if self.state.capturing != self.cuda.capturing:
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")
        if self.cuda.capturing:
            self.state.of_graph += 1
        else:
            self.state.drawn += 1

    def graphsafe_get_state(self) -> Random:
        return Random(self.cuda, self.state)

    def clone_state(self) -> Random:
        return Random(self.cuda, State(self.state.drawn))

    def graphsafe_set_state(self, other: Random) -> None:
        self.state = other.state


class Graph:
    """A stand-in for ``torch.cuda.CUDAGraph``."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda, self.states, self.ended = cuda, [], False

    def register_generator_state(self, generator: Random) -> None:
        if type(generator) is not Random:
            raise TypeError(f"expected a Generator, but got {type(generator).__name__}")
        self.states.append(generator.state)

    def begin(self, pool: int) -> None:
        self.register_generator_state(self.cuda.default)
        for state in self.states:
            state.capturing, state.of_graph = True, 0
        # torch keeps a pool that no graph uses any more for cuBLAS's workspace, but does not capture into it again.
        assert self.cuda.uses.get(pool) != 0, "it->second->use_count > 0 INTERNAL ASSERT FAILED"
        self.cuda.uses[pool] = self.cuda.uses.get(pool, 0) + 1
        self.cuda.recording.add(pool)
        self.pool, self.cuda.capturing, self.cuda.invalidated = pool, True, False

    def end(self) -> None:
        self.cuda.capturing = False
        if self.cuda.invalidated:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        self.cuda.recording.remove(self.pool)
        for state in self.states:
            state.capturing = False
        self.drawn, self.ended = [state.of_graph for state in self.states], True

    def replay(self) -> None:
        for state, drawn in zip(self.states, self.drawn, strict=True):
            state.drawn += drawn

    def reset(self) -> None:
        if self.ended:
            self.cuda.uses[self.pool] -= 1
            self.ended = False

    __del__ = reset


class Cuda:
    """A device that replaces ``torch.cuda`` until ``monkeypatch`` is undone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stream, self.capturing, self.invalidated = MAIN, False, False
        self.recording: set[int] = set()
        self.uses: dict[int, int] = {}  # the number of graphs that use each memory pool
        self.default, pools = Random(self), count(1)
        for name, stand_in in {
            "CUDAGraph": lambda: Graph(self),
            "graph": self.graph,
            "graph_pool_handle": lambda: next(pools),
            "device": nullcontext,
            "Stream": lambda device: SIDE,
            "current_device": lambda: 0,
            "current_stream": lambda: self.stream,
            "set_stream": lambda stream: setattr(self, "stream", stream),
            "default_generators": (self.default,),
        }.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)
        monkeypatch.setattr(torch, "__version__", TorchVersion("2.11.0"))
        monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", self.end_allocation, raising=False)
        monkeypatch.setattr(torch._C, "_cuda_releasePool", self.release, raising=False)

    @contextmanager
    def graph(self, graph: Graph, pool: int, stream: str, capture_error_mode: str) -> Iterator[None]:
        self.empty_cache()
        before, self.stream = self.stream, stream
        graph.begin(pool)
        try:
            yield
        finally:
            graph.end()
            self.stream = before  # not reached if the line above raises

    def read(self) -> None:
        """Read a value on the host, which raises RuntimeError and invalidates the capture during one."""
        if self.capturing:
            self.invalidated = True
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    def empty_cache(self) -> None:
        assert not self.recording, "captures_underway.empty() INTERNAL ASSERT FAILED"

    def end_allocation(self, device: int, pool: int) -> None:
        if pool not in self.recording:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.recording.remove(pool)

    def release(self, device: int, pool: int) -> None:
        self.uses[pool] -= 1
        assert self.uses[pool] >= 0, "uc >= 0 INTERNAL ASSERT FAILED"
