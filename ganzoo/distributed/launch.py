"""`--devices N`: run the command in N processes on this machine, supervised by PyTorch's elastic agent.

This does the same as ``torchrun --standalone --nproc-per-node N -m ganzoo ...``, but reports a failure in one line.
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
from ganzoo.utils.signals import INTERRUPTED, PREEMPTED, signal_name
from ganzoo.utils.subprocess import interpreter


def is_worker() -> bool:
    """Return whether ``torchrun`` or :func:`launch` started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def launch_id() -> str:
    """Return the name of this launch, which all its processes and restarts share; "" if it has none.

    ``--devices`` and ``torchrun --standalone`` make a name, ``torchrun --rdzv-id`` gives one.
    """
    found = os.environ.get("TORCHELASTIC_RUN_ID", "")
    return "" if found == "none" else found  # torchrun's default


def launch(devices: int, restarts: int, arguments: list[str]) -> int:
    """Run ``python -m ganzoo`` with these arguments in ``devices`` processes; return the exit code.

    If a process fails, all are restarted, ``restarts`` times at most. Raises GanzooError if a process was killed,
    ``devices`` is below 1 or ``restarts`` is below 0.
    """
    if devices < 1:
        raise GanzooError(f"--devices is {devices}, must be 1 or more")
    if restarts < 0:
        raise GanzooError(f"--max-restarts is {restarts}, must be 0 or more")
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.ERROR)  # otherwise the agent logs a page for each failure
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
    """Return the exit code of the process that caused a failure. Raises GanzooError if a signal killed it."""
    codes = {rank: failure.exitcode for rank, failure in failures.items()}
    # After the first failure, the agent ends the other processes with SIGTERM, or they fail since they lost a rank. So
    # the cause is a process that another signal killed or, without one, a process that failed by itself.
    ended = (-signal.SIGTERM, PREEMPTED)
    rank, code = min(codes.items(), key=lambda item: (item[1] in ended, item[1] > 0, item[0]))
    if code < 0:
        raise GanzooError(
            f"the process of device {rank} was ended by {signal_name(-code)}, so the run stopped; "
            "its checkpoints are intact; continue with `ganzoo resume`"
        )
    return int(code)
