"""Steps captured once as CUDA graphs and replayed, so that a GPU does not wait for Python between its kernels.

``torch.compile`` cannot handle a penalty's gradient of a gradient; a CUDA graph of the eager step can.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import torch

from ganzoo.config.schema import Config
from ganzoo.distributed.device import wants_fp16
from ganzoo.training.optim import FUSED

logger = logging.getLogger(__name__)
Work = Callable[[], None]
WARM_UP = 3  # eager steps of each kind before its capture; they create what is made once (Adam's moments, buffers)
_failed: list[torch.cuda.CUDAGraph] = []  # kept alive, as the host's allocator keeps querying them for their capture


def can_capture(config: Config, device: torch.device) -> bool:
    """Return whether a configuration's steps may be captured on a device. Logs the parts that a graph cannot hold."""
    values = config.values
    if device.type != "cuda" or not values.loop.capture:
        return False
    if wants_fp16(values.loop.precision, device):  # its scaler decides on the host whether a step is taken
        return False
    known = {*FUSED} - config.optimizers.keys() | {name for name, entry in config.optimizers.items() if entry.captured}
    others = sorted({values.optimizer.generator.name, values.optimizer.discriminator.name} - known)
    if (step := config.recipe.step) is not None and not step.captured:
        others.append(f"the step {step.name}")
    if others:
        logger.warning(f"loop.capture: {', '.join(others)} keeps numbers outside the device, so steps run eagerly")
    return not others


class Capture(Protocol):
    """A function that captures ``work`` without doing it, and returns a function that does it at each call.

    Everything that changes between the calls must be in tensors that keep their memory. Raises if the capture fails.
    """

    def __call__(self, work: Work) -> Work: ...

    def forget(self) -> None:
        """Note that nothing captured so far will be replayed again."""


class CudaCapture:
    """A capture into CUDA graphs that share one memory pool; ``rng`` draws new numbers at each replay.

    A capture that fails raises, and leaves the process as it was.
    """

    def __init__(self, device: torch.device, rng: torch.Generator) -> None:
        self.device, self.rng = device, rng
        # Not torch's default one, which it makes once, on the device of the process's first capture.
        self.stream = torch.cuda.Stream(device)
        self.forget()

    def forget(self) -> None:
        """Capture into another pool from now on.

        Once a pool's graphs are destroyed, torch allows no capture into it, but keeps the pool while it holds any
        memory, such as cuBLAS's workspace.
        """
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        graph, reasons = torch.cuda.CUDAGraph(), list[Exception]()
        if torch.__version__ < "2.14":  # newer versions find the generators by themselves
            # They refuse a subclass such as SharedRandom; this plain generator has the same state.
            graph.register_generator_state(self.rng.graphsafe_get_state())
        with (
            torch.cuda.device(self.device),
            self._undone_on_failure(graph, reasons),
            # thread_local: calls to the device from other threads do not concern the graph
            torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"),
        ):
            try:
                work()
            except Exception as reason:
                reasons.append(reason)
                raise
        return graph.replay

    @contextmanager
    def _undone_on_failure(self, graph: torch.cuda.CUDAGraph, reasons: list[Exception]) -> Iterator[None]:
        """Undo what torch 2.11 leaves behind when a capture cannot be ended.

        The capture's stream is still current, and its generators and pool are still marked as capturing. Raises the
        exception in ``reasons``, since the error at the end of an invalid capture does not name the cause.
        """
        index, stream = torch.cuda.current_device(), torch.cuda.current_stream()
        generators = self.rng, torch.cuda.default_generators[index]
        states = [generator.clone_state() for generator in generators]
        try:
            yield
        except BaseException:
            torch.cuda.set_stream(stream)
            for generator, state in zip(generators, states, strict=True):
                generator.graphsafe_set_state(state)
            graph.reset()
            _failed.append(graph)
            # Every capture begins with empty_cache, which raises until the pool's capture has ended.
            with suppress(RuntimeError, AttributeError):  # it had already ended; torch 2.6 lacks these functions
                torch._C._cuda_endAllocateToPool(index, self.pool)
                torch._C._cuda_releasePool(index, self.pool)
            self.forget()
            if reasons:
                raise reasons.pop() from None  # not kept: its traceback holds the tensors of the step
            raise


class Steps:
    """The runner of each kind of step: eager at first, then captured.

    If ``capture`` is None, all steps run eagerly; also after a failed capture, whose reason is logged in one line.
    """

    def __init__(self, capture: Capture | None) -> None:
        self.capture = capture
        self._replays: dict[str, Work] = {}
        self._done: Counter[str] = Counter()

    def forget(self) -> None:
        """Start again with eager steps: the captured ones write into tensors that are no longer used."""
        self._replays.clear()
        self._done.clear()
        if self.capture is not None:
            self.capture.forget()

    def run(self, kind: str, work: Work) -> None:
        """Do ``work`` once. It must be the same work at each call with the same kind."""
        if kind not in self._replays and self.capture is not None and self._done[kind] >= WARM_UP:
            try:
                self._replays[kind] = self.capture(work)
            except Exception as error:  # a plugin's code may do anything that a graph cannot hold
                self.capture = None
                self._replays.clear()
                logger.warning(f"loop.capture: {kind} cannot be captured, so steps run eagerly: {_first_line(error)}")
        replay = self._replays.get(kind)
        if replay is not None:
            replay()
        else:
            work()
            self._done[kind] += 1


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
