"""Optional arguments: passed to a function only if it names them, so that an interface can grow."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any


def accepted(function: Callable[..., Any], names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the names that a function takes as keywords; all of them if it takes ``**kwargs``."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return ()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return tuple(names)
    keywords = {name for name, parameter in parameters.items() if parameter.kind is not parameter.POSITIONAL_ONLY}
    return tuple(name for name in names if name in keywords)
