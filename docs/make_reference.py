"""Write ``docs/reference.md``, the plugin contract, from its docstrings: ``python docs/make_reference.py``."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from ganzoo import drawing, entries, entry, interfaces, networks, params, sources, weights
from ganzoo.bench import launcher
from ganzoo.distributed import collectives
from ganzoo.metrics import extractor, features
from ganzoo.training import step

FILE = Path(__file__).with_name("reference.md")
HEAD = Path(__file__).with_name("reference.md.template")
Described: TypeAlias = ast.ClassDef | ast.FunctionDef
KINDS = [cls.__name__ for cls in entries.KINDS if cls.__module__ == entries.__name__]
# For each section: its title, the module to import from, and the names by the module that defines them.
SECTIONS: tuple[tuple[str, str, tuple[tuple[ModuleType, tuple[str, ...]], ...]], ...] = (
    ("Networks", "ganzoo.interfaces", ((networks, ("Generator", "Discriminator", "DiscriminatorOutputs")),)),
    (
        "Losses, penalties and augmentations",
        "ganzoo.interfaces",
        ((interfaces, ("Rule", "Loss", "Penalty", "PenaltyInputs", "Augmentation")),),
    ),
    ("The step", "ganzoo.training.step", ((step, ("TrainingStep", "Batch")),)),
    (
        "Random numbers and several devices",
        "ganzoo.interfaces",
        ((drawing, ("draw_normal", "draw_uniform")), (collectives, ("whole_batch", "of_whole_batch"))),
    ),
    ("Data", "ganzoo.interfaces", ((sources, ("DataSource", "StreamedSource", "SourceImage", "BadImage")),)),
    ("Scores", "ganzoo.interfaces", ((interfaces, ("Metric",)),)),
    ("What metrics read", "ganzoo.metrics.features", ((features, ("Features",)),)),
    ("Extractors", "ganzoo.metrics.extractor", ((extractor, ("Extractor", "Network")),)),
    ("Launchers", "ganzoo.bench.launcher", ((launcher, ("Launcher",)),)),
    (
        "Entries",
        "ganzoo.entries",
        (
            (entry, ("Entry", "TargetEntry")),
            (entries, tuple(KINDS)),
            (weights, ("WeightsEntry", "WeightsScore", "packed_weights")),
        ),
    ),
    (
        "What entries are made of",
        "ganzoo.entries",
        (
            (entry, ("ImageSpec", "Needs", "Owner")),
            (params, ("param", "at_least", "above_zero", "finite", "marks_of", "NoParams", "PenaltyParams")),
        ),
    ),
)
NAMED = {name for _, _, modules in SECTIONS for _, names in modules for name in names}
FIELD = re.compile(r"(?:^|(?<=[.:)][ \n])|(?<=\.\"[ \n])|(?<=\"\.[ \n]))([a-z_]\w*(?:, [a-z_]\w*)*): ")
RAISES = re.compile(r"(?<=\.)[ \n](?=Raises? [A-Z])")
SPOKEN = {"__call__", "__len__", "__iter__"}


def page() -> str:
    """Return the content of ``reference.md``."""
    contents, parts = [], []
    for title, path, modules in SECTIONS:
        names = [name for _, found in modules for name in found]
        contents.append(f"- [{title}](#{anchor(title)}): {', '.join(link(name) for name in names)}")
        parts.append(f"## {title}\n\nImport from `{path}`.\n")
        for module, found in modules:
            tree = ast.parse(inspect.getsource(module))
            nodes = {node.name: node for node in tree.body if isinstance(node, Described)}
            parts += ["\n".join(described(module, nodes[name])) for name in found]
    head = HEAD.read_text(encoding="utf-8")
    return "\n".join([head.replace("CONTENTS", "\n".join(contents)), *parts])


def described(module: ModuleType, node: Described) -> Iterator[str]:
    """Yield the lines about one class or function."""
    yield f"### {node.name}\n"
    yield from code(header(module, node))
    yield from prose(ast.get_docstring(node) or "")
    if isinstance(node, ast.ClassDef) and {"Entry", "TargetEntry"} & set(map(ast.unparse, node.bases)):
        yield f"Fields that are not listed here are described at {link('Entry')}.\n"
    for member in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(member, ast.FunctionDef) and spoken_of(member):
            yield f"**{member.name}**{role(member)}\n"
            yield from code(signature(module, member))
            yield from prose(ast.get_docstring(member) or "")


def spoken_of(member: ast.FunctionDef) -> bool:
    """Return whether a method is public or in SPOKEN, and has a docstring."""
    return bool(ast.get_docstring(member)) and (not member.name.startswith("_") or member.name in SPOKEN)


def role(member: ast.FunctionDef) -> str:
    """Return in parentheses whether a method is a property, is a class method or must be implemented; "" if none."""
    decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
    facts = [
        *(["property"] if decorators & {"property", "cached_property"} else []),
        *(["class method"] if "classmethod" in decorators else []),
        *(["must be implemented"] if "abstractmethod" in decorators else []),
    ]
    return f" ({', '.join(facts)})" if facts else ""


def header(module: ModuleType, node: Described) -> str:
    """Return a function's signature, or a class with its decorators, fields and constructor."""
    if isinstance(node, ast.FunctionDef):
        return signature(module, node)
    source, lines = inspect.getsource(module), []
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and "ClassVar" not in ast.unparse(item.annotation):
            lines.append(ast.get_source_segment(source, item) or "")
        elif isinstance(item, ast.FunctionDef) and item.name == "__init__":
            lines += [*([""] if lines else []), signature(module, item)]
    dataclass = [f"@{ast.unparse(decorator)}" for decorator in node.decorator_list]
    bases = ", ".join(base for base in map(ast.unparse, node.bases) if base != "ABC")
    start = f"class {node.name}({bases}):" if bases else f"class {node.name}:"
    if not lines:
        return "\n".join([*dataclass, f"{start} ..."])
    return "\n".join([*dataclass, start, textwrap.indent("\n".join(lines), "    ")])


def signature(module: ModuleType, node: ast.FunctionDef) -> str:
    """Return a function's first lines, up to its docstring, as its module has them."""
    lines = inspect.getsource(module).splitlines()[node.lineno - 1 : node.body[0].lineno - 1]
    return textwrap.dedent("\n".join(lines)) + " ..."


def prose(docstring: str) -> Iterator[str]:
    """Yield a docstring's paragraphs. Lists of fields become tables; sentences about errors after them stay text."""
    for paragraph in docstring.split("\n\n") if docstring else ():
        text = "\n".join(line.strip() for line in paragraph.splitlines())
        starts = list(FIELD.finditer(text))
        text, *raised = RAISES.split(text, maxsplit=1) if starts else (text,)
        if before := text[: starts[0].start()].strip() if starts else text:
            yield f"{markdown(before)}\n"
        if starts:
            yield "| | |\n| --- | --- |"
            ends = [*(match.start() for match in starts[1:]), len(text)]
            for match, end in zip(starts, ends, strict=True):
                names = ", ".join(f"`{name}`" for name in match[1].split(", "))
                yield f"| {names} | {markdown(' '.join(text[match.end() : end].split()))} |"
            yield ""
        for errors in raised:
            yield f"{markdown(errors)}\n"


def markdown(text: str) -> str:
    """Return a docstring's text with its roles and literals as Markdown."""
    text = re.sub(r":(?:class|func|meth|mod|data):`~?([\w.]+)`", lambda role: link(role[1]), text)
    return re.sub(r"``(.+?)``", r"`\1`", text).replace("|", "\\|")


def link(name: str) -> str:
    """Return a name as code, linked to its heading if the page has one."""
    last = name.rpartition(".")[2]
    return f"[`{last}`](#{anchor(last)})" if last in NAMED else f"`{name}`"


def anchor(title: str) -> str:
    """Return a heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def code(text: str) -> Iterator[str]:
    """Yield a Markdown block of Python code."""
    yield f"```python\n{text}\n```\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
