"""Parse untrusted JSON and YAML into plain values: mappings with text keys, lists, texts, numbers, true, false, null.

YAML's tags are refused, and its aliases, with which a short text expands to a huge value. Duplicate keys, whole numbers
beyond 64 bits and lone surrogates are refused too. No torch here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node

from ganzoo.errors import GanzooError

MOST_BYTES = 2**18  # of YAML: PyYAML takes seconds to parse this; a resolved configuration has 2 KiB
MOST_DEPTH = 32
LEAST, MOST = -(2**63), 2**64 - 1  # whole numbers that fit 64 bits
MOST_DIGITS = 20
UNSAFE = re.compile("[\x85\u2028\u2029\ud800-\udfff]")
TAG = "tag:yaml.org,2002:"
TAGS = {TAG + name for name in ("null", "bool", "int", "float", "str", "seq", "map")}


def path_or_mapping(text: str) -> str:
    """Return a text for YAML: a mapping, which begins with ``{``, unchanged; a path quoted."""
    return text if text.startswith("{") else json.dumps(text)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError, whose message is the reason in one line."""
    value = parse_long_json(text, _whole)
    _check(value)
    return value


def parse_long_json(text: str | bytes, whole: Callable[[str], int] = int) -> Any:
    """Parse JSON with long lists, which the caller checks: depth, numbers and texts are not checked here.

    whole: parses the digits of a whole number. Raises ValueError.
    """
    try:
        return json.loads(text, object_pairs_hook=_mapping, parse_int=whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_yaml(text: str | bytes, loader: type[PlainLoader] | None = None) -> Any:
    """Parse YAML. Raises ValueError, whose message is the reason in one line."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} characters")
    try:
        value = yaml.load(text, Loader=loader or PlainLoader)  # noqa: S506, it is a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(_reason(error)) from error
    _check(value)
    return value


def write_yaml(value: Any) -> str:
    """Return a value as YAML that :func:`parse_yaml` reads back.

    It is all ASCII if it contains a non-ASCII line break, which PyYAML would lose, or a surrogate.
    """
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return yaml.safe_dump(value, sort_keys=False) if UNSAFE.search(text) else text


def read_text(file: Path) -> str:
    """Read a text file no longer than :func:`parse_yaml` accepts. Raises OSError; ValueError if it is longer or not
    UTF-8."""
    with file.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
    return content.decode()


def read_mapping(file: Path, what: str, example: str) -> dict[str, Any]:
    """Read the keys and values of a YAML or JSON file; an empty YAML file gives {}.

    what, example: a name and an example of the content, for messages. Raises GanzooError if the file cannot be read or
    holds anything else.
    """
    kind, parse = ("JSON", parse_json) if file.suffix == ".json" else ("YAML", parse_yaml)
    try:
        content = parse(read_text(file))
    except OSError as error:
        raise GanzooError(f"cannot read the {what} {file}: {error.strerror}") from error
    except ValueError as error:
        raise GanzooError(f"{file} is not valid {kind}: {error}") from error
    if content is not None and not isinstance(content, dict):
        raise GanzooError(f"{file} must hold keys and values, {example}")
    return content or {}


class PlainLoader(yaml.SafeLoader):
    """A loader for the YAML values that JSON has too."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in TAGS]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise ComposerError(None, None, "anchors and aliases are not supported; write the value out", mark)
        if self.depth > MOST_DEPTH:
            raise ComposerError(None, None, "it is nested too deeply", self.peek_event().start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        if node.tag not in TAGS:
            raise ConstructorError(None, None, f"the tag {node.tag} is not supported", node.start_mark)
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:  # `!!int ""` and the like
            raise ConstructorError(None, None, f"not a valid {node.tag.removeprefix(TAG)}", node.start_mark) from error
        if isinstance(value, int) and not LEAST <= value <= MOST:
            raise ConstructorError(None, None, "this number is too large", node.start_mark)
        return value

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise ConstructorError(None, None, "duplicate key", node.start_mark)
        return mapping


def _check(value: Any) -> None:
    """Raise ValueError if a value is nested too deeply, has a key that is not a string, or a lone surrogate."""
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH + 1):
        keys = [key for node in level if isinstance(node, dict) for key in node]
        for text in (*keys, *(node for node in level if isinstance(node, str))):
            if not isinstance(text, str):
                raise ValueError(f"the key {str(text)[:40]} must be a string; put it in quotes")
            if has_half_character(text):
                raise ValueError("it contains an incomplete character")
        level = [inner for node in level if isinstance(node, (dict, list)) for inner in _inside(node)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _inside(node: dict[Any, Any] | list[Any]) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node


def has_half_character(text: str) -> bool:
    """Return whether a text contains a surrogate, which cannot be written to a file.

    The surrogates that Python uses for non-UTF-8 bytes in file names (PEP 383) are allowed.
    """
    if text.isascii():
        return False
    return any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in text)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("duplicate key")
    return mapping


def _whole(digits: str) -> int:
    value = int(digits[:MOST_DIGITS])
    if len(digits) > MOST_DIGITS or not LEAST <= value <= MOST:
        raise ValueError("it holds a number that is too large")
    return value


def _reason(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return (
        " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", "it cannot be read")).split()) + where
    )


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number (a boolean is not a number)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def numbers_of(content: Any) -> dict[str, Any]:
    """Return the values of a mapping that are finite numbers; {} for anything else."""
    return {name: value for name, value in content.items() if is_number(value)} if isinstance(content, dict) else {}
