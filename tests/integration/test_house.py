"""The tables of the code match the tree, the core stays small, and files follow the rules of the repository."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNNAMED = {"__init__.py", "__main__.py", "py.typed"}


def table() -> str:
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| in `ganzoo/` |")[2].partition("\n\n")[0]


def test_every_package_and_module_of_the_core_is_in_the_table_and_nothing_else():
    named = {name for row in table().splitlines() for name in re.findall(r"`([\w.]+/?)`", row.split("|")[1])}
    tree = {f"{path.name}/" if path.is_dir() else path.name for path in (ROOT / "ganzoo").iterdir()}
    assert named == {name for name in tree if name not in UNNAMED and not name.startswith((".", "__"))}


def plugin_table() -> dict[str, set[str]]:
    """Return the names that each plugin directory registers, from plugins/README.md."""
    rows = [line.split("|") for line in (ROOT / "plugins/README.md").read_text(encoding="utf-8").splitlines()]
    return {row[1].strip().strip("`"): set(re.findall(r"`([\w-]+)`", row[3])) for row in rows if len(row) == 5}


def test_the_table_of_plugins_names_each_directory():
    directories = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert set(plugin_table()) - {"directory", "---"} == directories


def test_the_table_of_plugins_names_what_they_register(registry):
    named = {name for directory, names in plugin_table().items() if "_" in directory for name in names}
    entries = (entry for kind in registry.entries.values() for entry in kind.values())
    own = {entry.name for entry in entries if entry.owner.distribution == "ganzoo"}
    assert named == own - registry.entries["weights"].keys()  # weights follow the benchmark's records


def test_the_table_is_one_screen():
    assert len(table().splitlines()) <= 24


def test_the_order_of_the_table_is_the_order_of_the_layers():
    layers = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("layers = [")[2].partition("]")[0]
    order = [re.findall(r"ganzoo\.(\w+)", line) for line in layers.splitlines() if line.strip()]
    level = {name: place for place, names in enumerate(reversed(order)) for name in names}
    rows = [re.findall(r"`(\w+)(?:\.py|/)`", row.split("|")[1]) for row in table().splitlines()[2:]]
    packages = [name for row in rows for name in row if name in level and (ROOT / f"ganzoo/{name}").is_dir()]
    core = packages[: packages.index("testing") + 1]
    assert [level[name] for name in core] == sorted(level[name] for name in core)


def test_no_file_of_the_core_names_the_fid():
    """The core ranks by the first metric. Longer names that contain "fid", such as torch-fidelity, are allowed."""
    named = re.compile(r"(?<![a-z])fids?(?![a-z])", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "ganzoo").rglob("*"))
        if path.is_file() and path.suffix in {".py", ".template", ".js", ".html", ".css"} and "vendor" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if named.search(line)
    ]
    assert found == []


SMALL_CORE = ("config", "models", "plugin", "training")
MOST_CODE = 3950  # lines of code of the contract and the packages above
MOST_LINES = 300  # in a file


def code_lines(file: Path) -> int:
    """Count the lines that hold code: no blank lines, comments or docstrings."""
    text = file.read_text(encoding="utf-8")
    described = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, described) and ast.get_docstring(node, clean=False) is not None:
            documented |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    found: set[int] = set()
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in blank:
            found |= set(range(token.start[0], token.end[0] + 1))
    return len(found - documented)


def test_the_contract_and_what_trains_a_gan_stay_small():
    contract = [file for file in (ROOT / "ganzoo").glob("*.py") if file.name not in {"__main__.py", "api.py", "run.py"}]
    packages = [file for package in SMALL_CORE for file in (ROOT / "ganzoo" / package).glob("*.py")]
    assert sum(map(code_lines, [*contract, *packages])) < MOST_CODE


def test_no_file_is_long():
    files = [*(ROOT / "ganzoo").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    long = {
        str(file.relative_to(ROOT)): count
        for file in files
        if (count := len(file.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}


def test_no_test_imports_a_test():
    for file in (ROOT / "tests").rglob("*.py"):
        assert not re.findall(r"^\s*(?:from|import) (?:\w+\.)*test_\w+", file.read_text(), re.M), file
