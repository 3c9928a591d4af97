"""A job in a process of its own, so that nothing it does can hurt the grid."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

from ganzoo.bench.job import Job
from ganzoo.utils import openmp
from ganzoo.utils.subprocess import interpreter

STOPPED = 130


class JobProcess:
    """Starts at once. Its output goes to ``log.txt`` in the job's directory.

    The process holds the end of a pipe from its parent. When the pipe closes, because it was asked to stop or because
    the parent has died, it writes a checkpoint and ends: no job is left running alone.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        file = job.write()
        self.log = job.directory / "log.txt"
        with self.log.open("wb") as stream:
            self._process = subprocess.Popen(  # noqa: S603, no word of it from outside
                [*interpreter(), "-m", "ganzoo.bench.work", str(file)],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **openmp.settings()},
                start_new_session=True,  # a Ctrl-C at the terminal is the parent's to pass on
            )

    def outcome(self) -> str | None:
        """None while it runs, "" when its result is there, else what became of it."""
        code = self._process.poll()
        if code is None:
            return None
        if code == 0 and self.job.result.is_file():
            return ""
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return f"its process ended with {code}: {lines[-1] if lines else 'no output'}"

    def ask_to_stop(self) -> None:
        """Let it write a checkpoint and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> None:
        """Until it has ended."""
        self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


def heed_parent() -> None:
    """In the job's process: take the closing of standard input for a Ctrl-C."""
    # A shell's background jobs are born ignoring it, and so would what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def watch() -> None:
        # Not through sys.stdin, whose lock the interpreter wants at its end.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()
