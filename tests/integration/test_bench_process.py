"""The process of a benchmark job ends when its parent ends."""

from __future__ import annotations

import subprocess
import sys

JOB = """
import time
from ganzoo.bench.process import heed_parent
heed_parent()
print("ready", flush=True)
time.sleep(60)
"""


def test_a_closed_pipe_ends_a_job_that_was_born_ignoring_interrupts() -> None:
    """A shell starts its background processes with SIGINT ignored."""
    command = ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, JOB]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as job:
        assert job.stdin is not None and job.stdout is not None
        job.stdout.readline()
        job.stdin.close()
        assert job.wait(timeout=30) != 0
