"""The commands that repeat a run: one to install packages, and one with the recipe and each non-default setting."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from omegaconf import DictConfig

from ganzoo.config.schema import Config
from ganzoo.config.sections import schema_of
from ganzoo.config.settings import read_settings, typed
from ganzoo.errors import GanzooError
from ganzoo.runs.requirements import is_file, parts_of, requirement, versions_of
from ganzoo.utils.layers import flatten

INIT_FROM = "init_from"  # in the provenance: the checkpoint with the run's initial weights

KIND = re.compile(r"(?:[\w.-]+:(?!//)){1,2}")  # before a data set's path, perhaps with its distribution


def public_config(config: Config) -> dict[str, Any]:
    """Return the configuration without this machine's paths: ``folder:/home/me/cats`` becomes ``folder:cats``."""
    content = config.as_dict()
    content["data"]["name"] = public_name(content["data"]["name"])
    if content["metrics"]["reference"]:
        content["metrics"]["reference"] = public_name(content["metrics"]["reference"])
    content["data"]["root"] = content["metrics"]["inception"] = content["metrics"]["weights"] = None
    return content


def public_name(data: str) -> str:
    """Return the name of a data set or of a file of statistics without the way to it on this machine.

    A path that is absolute or begins with ``~`` or ``.`` is cut to its last part. An address loses its query and its
    user, which may be secrets.
    """
    kind = KIND.match(data)
    location = data[kind.end() :] if kind else data
    path = PurePath(location)
    private = path.is_absolute() or location[:1] in ("~", ".")
    if "://" in location:
        location = re.sub(r"(?<=://)[^/@]*@", "", location.partition("?")[0])
    return f"{kind[0] if kind else ''}{(path.name or 'PATH') if private else location}"


def install_command(versions: Mapping[str, str]) -> str:
    """Return the command that installs these versions of distributions; plugins that are files are left out."""
    return shlex.join(["pip", "install", *filter(None, (requirement(*item) for item in versions.items()))])


def plugin_options(versions: Mapping[str, str]) -> list[str]:
    """Return the ``--plugin`` options for the plugins that are files, by name; the user completes the paths."""
    return [part for name, version in versions.items() if is_file(version) for part in ("--plugin", name)]


def data_setting(config: Config) -> str:
    """Return the setting that names the data set as :func:`public_config` does."""
    return f"data.name={public_name(config.values.data.name)}"


def repeat_command(config: Config, defaults: Config) -> str:
    """Return the command for the same run, given the same versions; the user's own images must be at its path.

    defaults: the configuration of the same recipe with only :func:`data_setting`.
    """
    content, schema = public_config(config), schema_of(config.recipe, config.dataset)
    data, default = data_setting(config), dict(flatten(defaults.as_dict()))
    changed = [
        write_setting(key, value, schema)
        for key, value in flatten(content)
        if key not in default or value != default[key]
    ]
    files = plugin_options(versions_of(parts_of(config)))
    return shlex.join(["ganzoo", "run", str(config.recipe), data, *changed, *files])


def write_setting(key: str, value: Any, schema: DictConfig) -> str:
    """Return ``KEY=VALUE`` that reads back as this value; text has no quotes unless it needs them for that."""
    if isinstance(value, str):
        plain = f"{key}={value}"
        with suppress(GanzooError):
            found: Any = typed(read_settings([plain]), schema, str)
            for part in key.split("."):
                found = found[part]
            if found == value:
                return plain
    return f"{key}={json.dumps(value)}"
