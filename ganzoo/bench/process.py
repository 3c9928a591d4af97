"""Run a job in a process of its own, so that a crash of the job cannot harm the grid."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

from ganzoo.bench.job import Job
from ganzoo.utils import openmp
from ganzoo.utils.signals import INTERRUPTED, signal_name
from ganzoo.utils.subprocess import interpreter


class JobProcess:
    """The process of a job. It starts on construction and writes its output to ``log.txt`` in the job's directory.

    The process reads a pipe from its parent. The pipe closes when the parent asks it to stop or dies; the process then
    writes a checkpoint and ends, so that no job outlives its parent.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        file = job.write()
        self.log = job.directory / "log.txt"
        with self.log.open("wb") as stream:
            self._process = subprocess.Popen(  # noqa: S603, the arguments are our own
                [*interpreter(), "-m", "ganzoo.bench.work", str(file)],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **openmp.settings()},
                start_new_session=True,  # the parent handles a Ctrl-C at the terminal and passes it on
            )

    def outcome(self) -> str | None:
        """Return None while the process runs, "" if its result exists, or else the reason it failed."""
        code = self._process.poll()
        if code is None:
            return None
        if code == 0 and self.job.result.is_file():
            return ""
        if code < 0:
            return f"its process was ended by {signal_name(-code)}"
        if code == INTERRUPTED:
            return "its process was stopped before its end; its checkpoints are kept"
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return f"its process ended with {code}: {lines[-1] if lines else 'no output'}"

    def ask_to_stop(self) -> None:
        """Ask the process to write a checkpoint and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> None:
        """Wait until the process has ended."""
        self._process.wait()

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()


def heed_parent() -> None:
    """Treat the closing of standard input as a Ctrl-C. Called in the job's process."""
    # A shell starts background jobs with SIGINT ignored, and their child processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def watch() -> None:
        # Not through sys.stdin: the interpreter takes its lock at exit, which a blocked read would hold.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()
