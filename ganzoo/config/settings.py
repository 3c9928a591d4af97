"""``KEY=VALUE`` settings of the command line: text fields are literal, all others are read as YAML. No torch here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, StringNode

from ganzoo.errors import GanzooError
from ganzoo.utils.safe_yaml import MOST_DEPTH, PlainLoader, has_half_character, parse_yaml
from ganzoo.utils.structured import literal


class Given(str):
    """The text after the equals sign, until the type of its field is known."""

    __slots__ = ()


def read_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Read ``KEY.KEY=VALUE`` lines into nested mappings of :class:`Given`. Raises GanzooError for any other line."""
    result: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise GanzooError(f"{setting!r} is not key=value, for example loop.kimg=50")
        if key.count(".") >= MOST_DEPTH:
            raise GanzooError(f"{key[:40]}...: a key has at most {MOST_DEPTH} parts")
        if has_half_character(text):
            raise GanzooError(f"{key}: {text!r} is not a valid value: it contains an incomplete character")
        node = result
        *path, last = key.strip().split(".")
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise GanzooError(f"{key}: {part!r} is already set to a value")
        if isinstance(node.get(last), dict):
            raise GanzooError(f"{key}: some of its keys are set already; give each key or the whole, not both")
        node[last] = Given(text)
    return result


def typed(
    layer: Mapping[str, Any], schema: DictConfig, text: Callable[[str], str] = literal, path: str = ""
) -> dict[str, Any]:
    """Convert each :class:`Given` of a layer to the type of its field in ``schema``.

    For a text field it is taken literally; if the field may be None, ``null`` and an empty text mean None. A list field
    accepts ``[A, B]`` and ``A,B``. For any other field, and for a key that the schema lacks, it is read as safe YAML.
    text: converts a literal text; by default it escapes the text for OmegaConf. Raises GanzooError for invalid YAML.
    """
    result: dict[str, Any] = {}
    for key, value in layer.items():
        field = schema._get_node(key) if key in schema else None
        if isinstance(value, Given):
            result[key] = _read(value, field, text, path + key)
        elif isinstance(value, Mapping):
            group = field if isinstance(field, DictConfig) else DictConfig({})
            result[key] = typed(value, group, text, f"{path}{key}.")
        else:
            result[key] = value
    return result


def _read(given: Given, field: Any, text: Callable[[str], str], key: str) -> Any:
    if isinstance(field, StringNode):
        return None if field._is_optional() and given in ("", "null") else text(str(given))
    try:
        value = parse_yaml(str(given), _NumberLoader)
        scalar = not isinstance(value, (list, dict, type(None))) and "${" not in given
        if isinstance(field, ListConfig) and scalar:
            return parse_yaml(f"[{given}]", _NumberLoader)  # such as 0.5,0.9
        return value
    except ValueError as error:
        raise GanzooError(f"{key}: {str(given)!r} is not a valid value: {error}") from error


class _NumberLoader(PlainLoader):
    """A YAML loader that reads 1e-4 as a number, which YAML 1.1 does not."""


_NumberLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)
