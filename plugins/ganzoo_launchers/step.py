"""Measures the speed of a job's step in a separate process: ``python -m ganzoo_launchers.step JOB.json``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ganzoo.bench.job import Job
from ganzoo.utils import openmp
from ganzoo.utils.subprocess import interpreter

LOG = "step.txt"  # the process's standard error, in the job's directory


class StepProcess:
    """A process that holds a job's networks and trains them on random images on request."""

    def __init__(self, job: Job) -> None:
        self._log, file = job.directory / LOG, job.write()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603, the arguments are our own
                [*interpreter(), "-m", "ganzoo_launchers.step", str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **openmp.settings()},
                start_new_session=True,  # only the parent handles a Ctrl-C at the terminal
            )

    def threads(self) -> int:
        """Return the number of threads that a job uses by default; 0 if it does not train on the CPU.

        Raises ValueError if the process could not build the networks.
        """
        return int(self._answer()["threads"])

    def begin(self, threads: int, seconds: float) -> None:
        """Let the process train for that long, without waiting for it. Raises ValueError if the process has ended."""
        assert self._process.stdin is not None
        try:
            print(json.dumps({"threads": threads, "seconds": seconds}), file=self._process.stdin, flush=True)
        except OSError as error:
            raise ValueError(f"its process has ended, see {self._log}") from error

    def end(self) -> float:
        """Wait, and return the images per second since :meth:`begin`. Raises ValueError if the process has ended."""
        return float(self._answer()["pictures_per_second"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise ValueError(f"its process has ended, see {self._log}")
        return json.loads(line)


def main(file: str) -> None:
    """Build the networks, then answer each line of standard input with a speed."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of plugins must not be read as an answer

    import torch

    from ganzoo.config.resolve import resolve
    from ganzoo.data.factory import peek_configured
    from ganzoo.distributed.device import pick_device, prepare_process, threads
    from ganzoo.plugin.registry import Registry
    from ganzoo.training.calibration import Trial

    prepare_process()
    job = Job.read(Path(file))
    config = resolve(Registry.load(files=job.write_plugins()), job.cell.recipe, None, job.all_settings)
    device = pick_device(config.values.loop.device)
    if device.type != "cpu":
        print(json.dumps({"threads": 0}), file=answers, flush=True)
        return
    loop = Trial.of(config, peek_configured(config), device).loop
    print(json.dumps({"threads": torch.get_num_threads()}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        with threads(asked["threads"]):
            loop.iteration()  # starts the threads
            iterations, begun = 0, time.perf_counter()
            while (spent := time.perf_counter() - begun) < asked["seconds"]:
                loop.iteration()
                iterations += 1
        speed = iterations * config.values.loop.batch * config.discriminator_steps / spent
        print(json.dumps({"pictures_per_second": speed}), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
