"""The speed of a job's own step, in processes of their own: ``python -m ganzoo_launchers.step JOB.json``."""

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

LOG = "step.txt"  # in the job's directory: what its process had to say


class StepProcess:
    """A process that holds a job's networks and trains them on random images when it is asked to."""

    def __init__(self, job: Job) -> None:
        self._log, file = job.directory / LOG, job.write()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603, no word of it from outside
                [*interpreter(), "-m", "ganzoo_launchers.step", str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **openmp.settings()},
                start_new_session=True,  # a Ctrl-C at the terminal is the parent's
            )

    def threads(self) -> int:
        """Return the number of threads that a job uses by itself; 0 if it does not train on the CPU.

        Raises ValueError if the process could not build the networks.
        """
        return int(self._answer()["threads"])

    def begin(self, threads: int, seconds: float) -> None:
        """Have it train for that long, and go on meanwhile."""
        assert self._process.stdin is not None
        try:
            print(json.dumps({"threads": threads, "seconds": seconds}), file=self._process.stdin, flush=True)
        except OSError as error:
            raise ValueError(f"its process has ended, see {self._log}") from error

    def end(self) -> float:
        """Return the images per second of what was begun. Raises ValueError if the process has ended."""
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
    os.dup2(2, 1)  # what plugins print must not be taken for an answer

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
        speed = iterations * config.values.loop.batch / spent
        print(json.dumps({"pictures_per_second": speed}), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
