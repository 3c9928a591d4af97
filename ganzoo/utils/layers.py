"""Merge layers of settings into dataclasses. Each error names the key and its source. No torch here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganzoo.errors import GanzooError
from ganzoo.utils.structured import check_items, first_line

Layer = tuple[str, dict[str, Any]]  # the source of settings, and the settings
REFERENCE = re.compile(r"\$\{[\w.]+\}")
ESCAPED = re.compile(r"(?<!\\)(\\\\)*\\\$\{")  # after an odd number of backslashes it is text


def merge_layers(schema: DictConfig, layers: Iterable[Layer]) -> Any:
    """Merge layers, later ones over earlier ones, into the schema's dataclasses, and check types and bounds.

    Raises a GanzooError that names the key.
    """
    config = schema
    for source, layer in layers:
        config = _merge(config, layer, source)
    try:
        values: Any = OmegaConf.to_object(config)
        check_items(values)
    except OmegaConfBaseException as error:
        raise GanzooError(f"config: {error.full_key or ''}: {first_line(error)}") from error
    except ValueError as error:  # a bound, from a dataclass's __post_init__
        raise GanzooError(f"config: {_locate(config, error)}") from error
    except (TypeError, RecursionError) as error:
        raise GanzooError(f"config: {first_line(error)}") from error
    return values


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted keys into nested mappings."""
    nested: dict[str, Any] = {}
    for dotted, value in flat.items():
        *path, last = dotted.split(".")
        node = nested
        for key in path:
            node = node.setdefault(key, {})
        node[last] = value
    return nested


def flatten(node: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys of nested mappings with their values; an empty mapping is a value."""
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def refuse_resolvers(node: Any, source: str, path: str = "") -> None:
    """Raise GanzooError if any text in a node has an unescaped ``${`` and is not exactly one reference ``${KEY}``."""
    if isinstance(node, dict):
        for key, value in node.items():
            refuse_resolvers(value, source, f"{path}{key}.")
    elif isinstance(node, list):
        for value in node:
            refuse_resolvers(value, source, path)
    elif isinstance(node, str) and "${" in ESCAPED.sub("", node) and not REFERENCE.fullmatch(node):
        raise GanzooError(
            f"{source}: {path[:-1]} uses a resolver ({node}), which is disabled, or more than one ${{KEY}}; "
            "write the value itself"
        )


def _merge(config: DictConfig, layer: Mapping[str, Any], source: str) -> DictConfig:
    _refuse_values_for_groups(config, layer, source)
    try:
        merged = OmegaConf.merge(config, layer)
    except Exception as error:  # OmegaConf raises its own errors and Python's
        key = getattr(error, "full_key", None) or ""
        if "not in" in str(error) and (near := _near(config, key)):
            raise GanzooError(f"{source}: unknown key {key!r}; did you mean {near!r}?") from error
        if "not in" in str(error):
            raise GanzooError(
                f"{source}: unknown key {key!r}; see `ganzoo run RECIPE --dry-run` for all keys"
            ) from error
        raise GanzooError(f"{source}: {key}: {first_line(error)}") from error
    assert isinstance(merged, DictConfig)
    return merged


def _refuse_values_for_groups(config: DictConfig, layer: Mapping[str, Any], source: str, path: str = "") -> None:
    """Raise GanzooError for a single value given to a group or a list; OmegaConf's message for it names no key."""
    for key, value in layer.items():
        group = config.get(key) if key in config else None
        if isinstance(group, ListConfig) and not _fits_list(value):
            raise GanzooError(f"{source}: {path}{key} is a list, was given {value!r}; write {path}{key}=[...]")
        if not isinstance(group, DictConfig):
            continue
        if not isinstance(value, Mapping):
            raise GanzooError(f"{source}: {path}{key} is a group of settings, was given {value!r}; set {path}{key}.KEY")
        _refuse_values_for_groups(group, value, source, f"{path}{key}.")


def _fits_list(value: Any) -> bool:
    """Return whether a list field accepts a value: a list, None or a reference to another key."""
    return value is None or isinstance(value, list) or (isinstance(value, str) and bool(REFERENCE.fullmatch(value)))


def _near(config: DictConfig, key: str) -> str | None:
    underscored = key.replace("-", "_")  # a penalty's name has hyphens, its key has underscores
    if underscored != key and OmegaConf.select(config, underscored, default=None) is not None:
        return underscored
    container: Any = OmegaConf.to_container(config)
    keys = [known for known, _ in flatten(container)]
    near = difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
    ends = [known for known in keys if known.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    return next(iter(near + ends), None)


def _locate(config: DictConfig, error: ValueError) -> str:
    """Return a bound's message with the key of its part, which is found by building each part alone."""

    def search(node: DictConfig, path: str) -> str | None:
        for key, child in ((str(key), child) for key, child in node.items()):
            if isinstance(child, DictConfig):
                if deeper := search(child, f"{path}{key}."):
                    return deeper
                try:
                    OmegaConf.to_object(child)
                except ValueError as inner:
                    return f"{path}{key}.{inner}"
        return None

    with suppress(OmegaConfBaseException):  # from a key that refers to a missing one
        return search(config, "") or first_line(error)
    return first_line(error)
