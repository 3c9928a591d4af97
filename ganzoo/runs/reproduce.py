"""The commands that repeat a run: what to install; its recipe, and every setting that is not the default of it."""

from __future__ import annotations

import json
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
from ganzoo.runs.requirements import is_file, requirement, versions_of
from ganzoo.utils.layers import flatten


def public_config(config: Config) -> dict[str, Any]:
    """The configuration without places on one machine: of ``folder:/home/me/cats``, ``folder:cats`` is left."""
    content = config.as_dict()
    content["data"]["name"] = public_name(content["data"]["name"])
    content["data"]["root"] = content["metrics"]["inception"] = content["metrics"]["weights"] = None
    return content


def public_name(data: str) -> str:
    """A data set's name without the way to it."""
    kind, colon, location = data.partition(":")
    path = PurePath(location)
    return f"{kind}{colon}{path.name if path.is_absolute() or location[:1] in '~.' else location}"


def install_command(versions: Mapping[str, str]) -> str:
    """What to type for these distributions in these versions; plugins that are files are left out."""
    return shlex.join(["pip", "install", *filter(None, (requirement(*item) for item in versions.items()))])


def plugin_options(versions: Mapping[str, str]) -> list[str]:
    """What names those of these plugins that are files, wherever they then lie, to a command."""
    return [part for name, version in versions.items() if is_file(version) for part in ("--plugin", name)]


def data_setting(config: Config) -> str:
    """The setting that names the data set of :func:`public_config`."""
    return f"data.name={public_name(config.values.data.name)}"


def repeat_command(config: Config, defaults: Config) -> str:
    """Return what to type for the same run with the same versions; one's own images must lie where it says.

    defaults: the configuration of the same recipe with :func:`data_setting` alone.
    """
    content, schema = public_config(config), schema_of(config.recipe, config.dataset)
    data, default = data_setting(config), dict(flatten(defaults.as_dict()))
    changed = [
        write_setting(key, value, schema)
        for key, value in flatten(content)
        if key not in default or value != default[key]
    ]
    files = plugin_options(versions_of(config.entries))
    return shlex.join(["ganzoo", "run", str(config.recipe), data, *changed, *files])


def write_setting(key: str, value: Any, schema: DictConfig) -> str:
    """Write ``KEY=VALUE`` so that reading it gives this value; a text stands without quotes where that is so."""
    if isinstance(value, str):
        plain = f"{key}={value}"
        with suppress(GanzooError):
            found: Any = typed(read_settings([plain]), schema, str)
            for part in key.split("."):
                found = found[part]
            if found == value:
                return plain
    return f"{key}={json.dumps(value)}"
