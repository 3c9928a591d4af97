"""Steps captured once and replayed, so that a GPU need not wait for Python between its kernels.

``torch.compile`` cannot follow a penalty's gradient of a gradient; a CUDA graph of the eager step can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import torch

from ganzoo.optimizers import FUSED

Work = Callable[[], None]
WARM_UP = 3  # eager steps of each kind before it is captured: what is made once (Adam's moments, buffers) is made there


def can_capture(values: Any, warn: Callable[[str], None]) -> bool:
    """Whether a configuration's steps may be captured; ``warn`` is told what of it a graph cannot hold."""
    others = {values.optimizer.generator.name, values.optimizer.discriminator.name} - set(FUSED)
    if values.loop.capture and others:
        warn(f"loop.capture: {', '.join(sorted(others))} keeps numbers outside the device, steps run eagerly")
    return values.loop.capture and not others


class Capture(Protocol):
    """Captures ``work`` without doing it; what it returns does it, each time it is called.

    All that changes between the calls has to lie in tensors that stay where they are. Raises where it cannot.
    """

    def __call__(self, work: Work) -> Work: ...


class CudaCapture:
    """CUDA graphs that share one pool of memory; ``rng`` goes on drawing at each replay."""

    def __init__(self, device: torch.device, rng: torch.Generator) -> None:
        self.device, self.rng = device, rng
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
        # thread_local: what other threads ask of the device is none of the graph's business
        with torch.cuda.device(self.device), torch.cuda.graph(graph, self.pool, capture_error_mode="thread_local"):
            work()
        return graph.replay


class Steps:
    """Does each kind of step: eagerly at first, then as it was captured.

    ``capture`` None, or a capture that fails once, leaves them all eager; ``warn`` gets the reason in one line.
    """

    def __init__(self, capture: Capture | None, warn: Callable[[str], None]) -> None:
        self.capture, self.warn = capture, warn
        self._replays: dict[str, Work] = {}
        self._done: Counter[str] = Counter()

    def forget(self) -> None:
        """Begin eagerly again: what was captured writes into tensors that are no longer used."""
        self._replays.clear()
        self._done.clear()

    def run(self, kind: str, work: Work) -> None:
        """Do ``work`` once. Of one kind it has to be the same work each time."""
        if kind not in self._replays and self.capture is not None and self._done[kind] >= WARM_UP:
            try:
                self._replays[kind] = self.capture(work)
            except Exception as error:  # whatever a plugin's code does that a graph cannot hold
                self.capture = None
                self._replays.clear()
                self.warn(f"loop.capture: {kind} cannot be captured, steps run eagerly: {_first_line(error)}")
        replay = self._replays.get(kind)
        if replay is not None:
            replay()
        else:
            work()
            self._done[kind] += 1


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
