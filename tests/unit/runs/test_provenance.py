"""Tests of the commit that a run's provenance records."""

from __future__ import annotations

import subprocess

import pytest

import ganzoo
from ganzoo.runs.provenance import git_commit


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A source tree of ganzoo without ``.git``."""
    monkeypatch.setattr(ganzoo, "__file__", str(tmp_path / "ganzoo/__init__.py"))
    monkeypatch.delenv("GANZOO_GIT_COMMIT", raising=False)
    return tmp_path


def test_a_tree_without_git_has_the_commit_of_the_environment(tree, monkeypatch):
    assert git_commit() is None
    monkeypatch.setenv("GANZOO_GIT_COMMIT", "d69c2ea\n")
    assert git_commit() == "d69c2ea"
    monkeypatch.setenv("GANZOO_GIT_COMMIT", "")
    assert git_commit() is None


def test_a_tree_with_git_has_its_own(tree, monkeypatch):
    monkeypatch.setenv("GANZOO_GIT_COMMIT", "d69c2ea")
    subprocess.run(["git", "init", "-q", tree], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", tree, *identity, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    found = git_commit()
    assert found is not None and len(found) == 40
