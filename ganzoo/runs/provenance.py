"""The provenance of a run: software, machine, data."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import ganzoo
from ganzoo.config.schema import Config
from ganzoo.distributed import collectives
from ganzoo.distributed.device import precision_of
from ganzoo.runs.requirements import needs_of, parts_of, versions_of, write_needs

COMMIT = "GANZOO_GIT_COMMIT"  # environment variable: the commit of a source tree that was copied without its .git
ABSENT = "not installed"  # in place of a version
PACKAGES = ("ganzoo", "torch", "torchvision", "timm", "torch-fidelity", "safetensors", "numpy", "pillow")


def provenance(config: Config, device: torch.device, fingerprint: str) -> dict[str, Any]:
    """Return the content of ``provenance.json``."""
    return {
        "recipe": str(config.recipe),
        "seed": config.values.seed,
        "data": {"name": config.values.data.name, "split": config.values.data.split, "fingerprint": fingerprint},
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        "precision": precision_of(config.values.loop.precision, device),
        **({"processes": collectives.here().world} if collectives.here().together else {}),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": {name: installed_version(name) for name in PACKAGES},
        "plugins": versions_of(parts_of(config)),
        "needs": write_needs(needs_of(config)),
        "git_commit": git_commit(),
    }


def fingerprint_of(origin: Mapping[str, Any]) -> Any:
    """Return the fingerprint of the images in a provenance; None if it is not known."""
    data = origin.get("data")
    return data.get("fingerprint") if isinstance(data, Mapping) else None


def describe_device(device: torch.device) -> str:
    """Return the model name of a GPU, or that of the CPU with its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    except OSError:
        pass
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def installed_version(name: str) -> str:
    """Return the version of a distribution, or :data:`ABSENT`."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ABSENT


def git_commit() -> str | None:
    """Return the commit of ganzoo's own source tree, with ``+`` if it has uncommitted changes.

    Without ``.git`` it is the value of ``GANZOO_GIT_COMMIT``; None if that is not set, or if git fails.
    """
    tree = Path(ganzoo.__file__).resolve().parents[1]
    if not (tree / ".git").exists():
        return os.environ.get(COMMIT, "").strip() or None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tree), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
