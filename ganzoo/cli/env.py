"""`ganzoo env`: the facts that a bug report needs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import click

from ganzoo.errors import GanzooError, printable
from ganzoo.utils.files import data_root, user_path, with_tilde

PREFIX = "GANZOO_"
DEVELOPMENT = re.compile(r"extra\s*==\s*['\"](test|dev|docs)['\"]")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def env(as_json: bool) -> None:
    """Print versions, the device, plugins, paths and variables: what a bug report needs.

    The home directory is written as ~, so that a report does not name its owner.
    """
    found = _shortened(gather())
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for line in _lines(found):
        click.echo(line)


def gather() -> dict[str, Any]:
    """Return the whole report as plain values."""
    import platform

    import torch

    from ganzoo.distributed.device import pick_device
    from ganzoo.runs.provenance import describe_device, git_commit, installed_version

    packages = {name: installed_version(name) for name in ("ganzoo", *packages_of("ganzoo"))}
    version = packages.pop("ganzoo")
    plugins, problem = _plugins()
    return {
        "ganzoo": version,
        "commit": git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": {
            "chosen": (chosen := pick_device("auto")).type,
            "name": describe_device(chosen),
            "threads": torch.get_num_threads(),
            "cuda": torch.version.cuda,
            "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        },
        "packages": packages,
        "plugins": plugins,
        "plugin_problem": problem,
        "paths": paths(),
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith(PREFIX)},
    }


def packages_of(distribution: str) -> Iterator[str]:
    """Yield the names of a distribution's required and optional packages, without those for its developers."""
    try:
        needed = requires(distribution) or []
    except PackageNotFoundError:
        needed = ["torch"]
    seen: set[str] = set()
    for line in needed:
        name = NAME.match(line)
        if name and not DEVELOPMENT.search(line) and name[0] not in seen | {distribution}:
            seen.add(name[0])
            yield name[0]


def paths() -> dict[str, str]:
    """Return the paths of ganzoo itself and of data, caches and networks."""
    import torch

    import ganzoo

    root = data_root(None)
    cache = user_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return {
        "ganzoo": str(Path(ganzoo.__file__).parent),
        "data": str(root),
        "decoded images": str(root / "cache"),
        "features": str(root / "statistics"),
        "torch hub": torch.hub.get_dir(),
        "Hugging Face": os.environ.get("HF_HOME") or str(cache / "huggingface"),
        "working directory": str(Path.cwd()),
    }


def _plugins() -> tuple[list[dict[str, Any]], str]:
    """Return the distributions of plugins, and why they could not be listed, "" if they could."""
    from ganzoo.plugin.registry import Registry

    try:
        registry = Registry.load(strict=False)
    except GanzooError as error:
        return [], str(error)
    found: dict[str, dict[str, Any]] = {}
    for plugin in registry.plugins:
        entry: dict[str, Any] = {
            "distribution": plugin.distribution,
            "version": plugin.version,
            "plugins": [],
            "failed": {},
        }
        known = found.setdefault(plugin.distribution, entry)
        known["plugins"].append(plugin.name)
        if plugin.error:
            known["failed"][plugin.name] = plugin.error
    return list(found.values()), ""


def _shortened(value: Any) -> Any:
    """Return a value with the home directory written as ``~`` in every string."""
    if isinstance(value, Mapping):
        return {name: _shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return with_tilde(value) if isinstance(value, str) else value


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    from ganzoo.runs.provenance import ABSENT

    device = found["device"]
    commit = f" (commit {found['commit']})" if found["commit"] else ""
    yield f"ganzoo {found['ganzoo']}{commit}"
    yield f"Python {found['python']} on {found['platform']}"
    yield f"device: {device['chosen']}, {device['name']}, {device['threads']} threads, CUDA {device['cuda'] or 'none'}"
    for number, name in enumerate(device["gpus"]):
        yield f"  GPU {number}: {name}"
    packages = found["packages"]
    yield f"packages: {', '.join(f'{name} {version}' for name, version in packages.items() if version != ABSENT)}"
    yield f"{ABSENT}: {', '.join(name for name, version in packages.items() if version == ABSENT) or 'none'}"
    yield "plugins:"
    for plugin in found["plugins"]:
        yield printable(f"  {plugin['distribution']} {plugin['version']}: {', '.join(plugin['plugins'])}")
        for name, error in plugin["failed"].items():
            yield printable(f"    failed: {name}: {error}")
    if found["plugin_problem"]:
        yield printable(f"  {found['plugin_problem']}")
    yield "paths:"
    for name, path in found["paths"].items():
        yield printable(f"  {name}: {path}")
    yield f"variables that begin with {PREFIX}:" if found["variables"] else f"no variable begins with {PREFIX}"
    for name, value in found["variables"].items():
        yield printable(f"  {name}={value}")
