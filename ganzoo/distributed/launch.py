"""`--devices N`: the command again in N processes on this machine, watched by PyTorch's elastic agent.

What ``torchrun --standalone --nproc-per-node N -m ganzoo ...`` does, with one line where it fails.
"""

from __future__ import annotations

import logging
import os
import signal
import uuid
from collections.abc import Mapping
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.utils import openmp
from ganzoo.utils.signals import INTERRUPTED, PREEMPTED
from ganzoo.utils.subprocess import interpreter


def is_worker() -> bool:
    """Whether this process is one of several already, of ``torchrun`` or of :func:`launch`."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def launch(devices: int, restarts: int, arguments: list[str]) -> int:
    """Run ``python -m ganzoo`` with these arguments in so many processes; what to exit with.

    All are started anew, ``restarts`` times at most, where one of them fails. Raises GanzooError where one was lost,
    and for counts below 1 and 0.
    """
    if devices < 1:
        raise GanzooError(f"--devices is {devices}, must be 1 or more")
    if restarts < 0:
        raise GanzooError(f"--max-restarts is {restarts}, must be 0 or more")
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.ERROR)  # else a page of the agent's own for each failure
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "300")  # seconds for a last checkpoint and the report
    openmp.share(devices)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=restarts,
    )
    try:
        python, *options = interpreter()
        elastic_launch(config, python)(*options, "-m", "ganzoo", *arguments)
    except ChildFailedError as error:
        return explain(error.failures)
    except SignalException as error:
        return PREEMPTED if error.sigval == signal.SIGTERM else INTERRUPTED
    return 0


def explain(failures: Mapping[int, Any]) -> int:
    """The exit code of a process that failed with a message of its own; raises for one that was killed."""
    codes = {rank: failure.exitcode for rank, failure in failures.items()}
    # With the first failure the agent ends the others, by SIGTERM; who has lost another one says so and fails too.
    rank, code = min(codes.items(), key=lambda item: (item[1] == -signal.SIGTERM, item[1] > 0, item[0]))
    if code < 0:
        raise GanzooError(
            f"the process of device {rank} was ended by {signal.Signals(-code).name}, so the run stopped; "
            "its checkpoints are intact; continue with `ganzoo resume`"
        )
    return int(code)
