"""The lock of a directory: holders that died, file systems without locks, and holders that wrote no name."""

import errno
import os

import pytest

from ganzoo.errors import GanzooError
from ganzoo.utils import lock
from ganzoo.utils.lock import alone_in


def test_the_lock_of_a_process_that_died_is_free(tmp_path):
    child = os.fork()
    if child == 0:
        with alone_in(tmp_path):
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    with alone_in(tmp_path):
        assert f"process {os.getpid()} on " in (tmp_path / "lock").read_text()


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, caplog):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "lock_descriptor", refuse)
    with alone_in(tmp_path), alone_in(tmp_path):
        pass
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path} cannot be locked (No locks available): let no other process work in it"
    ] * 2


def test_a_holder_that_wrote_no_name(tmp_path):
    with alone_in(tmp_path):
        os.truncate(tmp_path / "lock", 0)
        with pytest.raises(GanzooError, match="is in use by another process;"), alone_in(tmp_path):
            pass
