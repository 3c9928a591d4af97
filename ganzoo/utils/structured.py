"""Turn plain values into dataclasses, with types checked by OmegaConf. No torch here."""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from omegaconf import OmegaConf

T = TypeVar("T")
PLAIN = (str, int, float, bool)


def read_as(schema: type[T], content: Any) -> T:
    """Return an instance of ``schema`` with this content; texts are taken literally, including ``${``.

    Raises ValueError, whose message is the reason in one line, if the content does not fit.
    """
    try:
        made = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), literal(content)))
    except Exception as error:  # OmegaConf raises its own errors and Python's
        raise ValueError(first_line(error)) from error
    if not isinstance(made, schema):
        raise ValueError(f"it is not a mapping of {schema.__name__}'s fields")
    check_items(made)
    return made


def check_items(made: Any, path: str = "") -> None:
    """Raise ValueError if a list or mapping of plain values holds a list or mapping, which OmegaConf accepts."""
    for name, hint in get_type_hints(type(made)).items():
        value = getattr(made, name)
        items = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
        kind = next(reversed(get_args(hint)), None)
        for item in items:
            if is_dataclass(item):
                check_items(item, f"{path}{name}.")
            elif kind in PLAIN and isinstance(item, (list, dict)):
                raise ValueError(f"{path}{name} holds {item!r}, which is not of type {kind.__name__}")


def literal(value: Any) -> Any:
    """Return a value with every ``${`` escaped, so that OmegaConf takes it as text."""
    if isinstance(value, dict):
        return {key: literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [literal(inner) for inner in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def first_line(error: BaseException) -> str:
    """Return the message of an OmegaConf error without the lines that locate it in OmegaConf's own terms."""
    return " ".join(str(error).split("\n    ")[0].split()) or type(error).__name__
