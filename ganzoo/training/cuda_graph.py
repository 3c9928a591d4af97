"""Steps captured once and replayed, so that a GPU need not wait for Python between its kernels.

``torch.compile`` cannot follow a penalty's gradient of a gradient; a CUDA graph of the eager step can.
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
WARM_UP = 3  # eager steps of each kind before it is captured: what is made once (Adam's moments, buffers) is made there
_failed: list[torch.cuda.CUDAGraph] = []  # kept, as the host's allocator goes on asking them what they capture


def can_capture(config: Config, device: torch.device) -> bool:
    """Whether a configuration's steps may be captured on a device. Logs what a graph cannot hold."""
    values = config.values
    if device.type != "cuda" or not values.loop.capture:
        return False
    if wants_fp16(values.loop.precision, device):  # its scaler decides on the host whether a step is taken
        return False
    known = {*FUSED, *(name for name, entry in config.optimizers.items() if entry.captured)}
    others = sorted({values.optimizer.generator.name, values.optimizer.discriminator.name} - known)
    if (step := config.recipe.step) is not None and not step.captured:
        others.append(f"the step {step.name}")
    if others:
        logger.warning(f"loop.capture: {', '.join(others)} keeps numbers outside the device, so steps run eagerly")
    return not others


class Capture(Protocol):
    """Captures ``work`` without doing it; what it returns does it, each time it is called.

    All that changes between the calls has to lie in tensors that stay where they are. Raises where it cannot.
    """

    def __call__(self, work: Work) -> Work: ...

    def forget(self) -> None:
        """Take note that what was captured so far is not replayed again."""


class CudaCapture:
    """CUDA graphs that share one pool of memory; ``rng`` goes on drawing at each replay.

    A capture that fails raises, and leaves the process as it was.
    """

    def __init__(self, device: torch.device, rng: torch.Generator) -> None:
        self.device, self.rng = device, rng
        self.forget()

    def forget(self) -> None:
        """Capture into another pool from now on.

        When its graphs are gone, torch closes a pool to captures, but keeps it while anything lies in it, such as
        cuBLAS's workspace.
        """
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        graph, reasons = torch.cuda.CUDAGraph(), list[Exception]()
        graph.register_generator_state(self.rng)
        with (
            torch.cuda.device(self.device),
            self._undone_on_failure(graph, reasons),
            # thread_local: what other threads ask of the device is none of the graph's business
            torch.cuda.graph(graph, self.pool, capture_error_mode="thread_local"),
        ):
            try:
                work()
            except Exception as reason:
                reasons.append(reason)
                raise
        return graph.replay

    @contextmanager
    def _undone_on_failure(self, graph: torch.cuda.CUDAGraph, reasons: list[Exception]) -> Iterator[None]:
        """Put back what torch 2.11 leaves as it is where a capture cannot be ended: the capture's stream is the current
        one, its generators count as capturing, and so does its pool. Raise the first of ``reasons``, as the end of an
        invalid capture says nothing of what made it so."""
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
            # Until a pool's capture has ended, empty_cache refuses, which every capture begins with.
            with suppress(RuntimeError, AttributeError):  # it had ended; not in torch 2.6
                torch._C._cuda_endAllocateToPool(index, self.pool)
                torch._C._cuda_releasePool(index, self.pool)
            self.forget()
            if reasons:
                raise reasons.pop() from None  # not kept: its traceback holds the tensors of the step
            raise


class Steps:
    """Does each kind of step: eagerly at first, then as it was captured.

    ``capture`` None, or a capture that fails once, leaves them all eager; the reason is logged in one line.
    """

    def __init__(self, capture: Capture | None) -> None:
        self.capture = capture
        self._replays: dict[str, Work] = {}
        self._done: Counter[str] = Counter()

    def forget(self) -> None:
        """Begin eagerly again: captured steps write into tensors that are no longer used."""
        self._replays.clear()
        self._done.clear()
        if self.capture is not None:
            self.capture.forget()

    def run(self, kind: str, work: Work) -> None:
        """Do ``work`` once. Of one kind it has to be the same work each time."""
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
