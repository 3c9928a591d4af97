"""The commands that repeat a run: what to install; its recipe, and every setting that is not the default of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from ganzoo.config.resolve import resolve
from ganzoo.config.schema import Config
from ganzoo.config.sections import schema_of
from ganzoo.config.settings import write_setting
from ganzoo.plugin.registry import Registry
from ganzoo.runs.requirements import is_file, requirement, versions_of


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


def repeat_command(config: Config, registry: Registry) -> str:
    """What to type for the same run with the same versions; images of one's own must lie where it says."""
    content, schema = public_config(config), schema_of(config.recipe, config.dataset)
    data = f"data.name={content['data']['name']}"
    default = dict(_leaves(resolve(registry, str(config.recipe), None, [data]).as_dict()))
    changed = [
        write_setting(key, value, schema)
        for key, value in _leaves(content)
        if key not in default or value != default[key]
    ]
    files = plugin_options(versions_of(config.entries))
    return shlex.join(["ganzoo", "run", str(config.recipe), data, *changed, *files])


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
