"""Replacements for modules that another project's training loop imports but does not need."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any


class Silent(ModuleType):
    """A replacement for a module that is not needed. Its attributes and the results of calls are replacements too."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__("silent")

    def __getattr__(self, name: str) -> Silent:
        if name.startswith("__"):
            raise AttributeError(name)
        return Silent()

    def __call__(self, *_: Any, **__: Any) -> Silent:
        return Silent()


class Flags:
    """A replacement for ``absl.flags``; FLAGS holds the default values."""

    def __init__(self) -> None:
        self.FLAGS = argparse.Namespace(flags_into_string=str)

    def __getattr__(self, kind: str) -> Callable[..., None]:
        return lambda name, default, *_, **__: setattr(self.FLAGS, name, default)


def load(file: Path) -> ModuleType:
    """Run a Python file as a module."""
    spec = importlib.util.spec_from_file_location(f"peer_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def imported_as(modules: Mapping[str, Any]) -> Iterator[None]:
    """Make ``import NAME`` give another module for the time of a block, for each name."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextmanager
def quiet_directory() -> Iterator[Path]:
    """Yield a temporary directory for a loop's files. Suppress what the loop prints, and its warnings."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield Path(stack.enter_context(tempfile.TemporaryDirectory()))
