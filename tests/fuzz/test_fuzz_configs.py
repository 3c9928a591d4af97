"""Configurations from anyone: bad text, files and settings are refused in one line, and none reads the environment."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import BOMB, EVIL, MERGES, changed, clean, damaged, texts, values

from ganzoo.bench.grid import cells, load_grid
from ganzoo.config.resolve import resolve
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.safe_yaml import parse_json, parse_yaml, write_yaml

REGISTRY = Registry.load(strict=True)
WHOLE = resolve(REGISTRY, "stylegan-lite/dcgan+non-saturating+r1+ada")
KEYS = ["seed", "recipe", "data.name", "data.root", "data.size", "loop", "loop.batch", "loop.kimg", "loop.device",
        "metrics.names", "metrics.inception", "optimizer.generator.betas", "penalties.r1.weight", "generator.width",
        "ema.ramp_up", "loop.clip_grad", "augmentation", "optimizer.generator.name"]  # fmt: skip
GRID = {"name": "a", "architectures": ["dcgan"], "losses": ["minimax", "all"], "extras": ["", "r1"], "seeds": [0, 1],
        "recipes": ["mlp+hinge"], "data": ["mnist"], "kimg": 3.0, "minutes": None, "settings": ["seed=1"]}  # fmt: skip


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("GANZOO_SECRET", "s3cret")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("configs")


def resolved(text: str | bytes, place, settings=()) -> None:
    """Resolve a file. The YAML of an accepted configuration resolves to itself and contains no environment variable."""
    file = place / "config.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    config = clean(resolve, REGISTRY, None, file, settings)
    if config is not None:
        written = config.to_yaml()
        assert "s3cret" not in written
        file.write_text(written, encoding="utf-8")
        assert resolve(REGISTRY, None, file).to_yaml() == written


@given(changed(WHOLE.as_dict()))
def test_files_with_strange_values(place, content):
    resolved(yaml.safe_dump(content, allow_unicode=True), place)


@given(damaged(WHOLE.to_yaml().encode()))
def test_damaged_files(place, content):
    resolved(content, place)


@given(
    texts, st.sampled_from(["", "recipe: mlp+minimax\n", "recipe: mlp+minimax\nseed: ", "recipe: mlp+minimax\ndata: "])
)
@example(BOMB, "recipe: mlp+minimax\n")
@example(MERGES, "recipe: mlp+minimax\n")
@example("[" * 100_000, "seed: ")
@example("x" * 1_000_000, "seed: ")
def test_texts_of_any_kind(place, text, before):
    resolved(before + text, place)


@given(st.lists(st.builds(lambda key, value: f"{key}={value}", st.sampled_from(KEYS) | texts, texts | values.map(str)),
                max_size=3))  # fmt: skip
@example(["a." * 50_000 + "b=1"])
@example(["data.root=${${metrics.mode}:GANZOO_SECRET}", "metrics.mode=oc.env"])
@example(["seed=${seed}"])
@example(["data.root=${data.name}", "data.name=${data.root}"])
@example(["data.root=~nobody-of-this-name/x"])
def test_settings_of_any_kind(settings):
    config = clean(resolve, REGISTRY, "mlp+minimax", None, settings)
    assert config is None or "s3cret" not in config.to_yaml()


@given(changed(GRID))
def test_grids(place, content):
    file = place / "grid.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    grid = clean(load_grid, file, {})
    if grid is not None:
        assert "s3cret" not in str(grid)
        clean(cells, grid, REGISTRY)


@given(damaged(b"# sha256 " + b"0" * 64 + b"\n" + WHOLE.to_yaml().encode()))
def test_the_config_of_a_runs_directory(place, content):
    directory = RunDir(place)
    directory.config_file.write_bytes(content)
    good = clean(directory.good_config)
    if good is not None:
        resolved(good.read_bytes(), place)


@given(values)
def test_plain_yaml_is_read_as_it_was_written(value):
    text = write_yaml(value)
    try:
        found = parse_yaml(text)
    except ValueError:
        return
    assert repr(found) == repr(value)


@pytest.mark.parametrize("text", [*EVIL, '{"a": 1, "a": 2}', "NaN", '"\\ud800"', "1" * 5000, "[" * 100_000])
def test_json_is_plain_or_refused(text):
    try:
        parse_json(text)
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x 1\nb: *x", "anchors and aliases are not supported; write the value out (line 2, column 4)"),
        ("a: {b: 1, b: 2}", "duplicate key (line 1, column 4)"),
        (
            "a: !!python/name:os.system",
            "the tag tag:yaml.org,2002:python/name:os.system is not supported (line 1, column 4)",
        ),
        ("a: !!int ''", "not a valid int"),
        ("a: 0x" + "f" * 99, "this number is too large"),
        ("a: " + "[" * 99, "it is nested too deeply"),
        ("1: 2", "the key 1 must be a string; put it in quotes"),
        ('a: "\\ud800"', "it contains an incomplete character"),
        ("a" * 2**19, "it is longer than 262,144 characters"),
    ],
)
def test_what_yaml_can_say_beyond_plain_values_is_refused(text, says):
    with pytest.raises(ValueError) as raised:
        parse_yaml(text)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    "settings",
    [
        ["data.root=${${metrics.inception}:GANZOO_SECRET}", "metrics.inception=oc.env"],
        ["data.root=${oc.env:GANZOO_SECRET}"],
        ["data.root=${metrics.inception}${metrics.inception}"],
    ],
)
def test_no_setting_reads_the_environment_or_grows(settings, tmp_path):
    """On the command line, ``data.root`` with a resolver is a literal directory name. In a file it is refused."""
    text = settings[0].removeprefix("data.root=")
    assert resolve(REGISTRY, "mlp+minimax", None, settings).values.data.root == text
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"recipe": "mlp+minimax", "data": {"root": text}}))
    with pytest.raises(GanzooError, match=r"data\.root uses a resolver .*, which is disabled, or more than one"):
        resolve(REGISTRY, None, file)


@pytest.mark.parametrize("text", ["a\x85b", "\u2028", "\u2029 é", "é", "\x85", "a\r\nb\n"])
def test_texts_of_several_lines_are_kept(registry, text):
    assert parse_yaml(write_yaml({"a": [text]})) == {"a": [text]}


def test_a_date_is_a_text(tmp_path):
    assert parse_yaml("a: 2020-01-01") == {"a": "2020-01-01"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"architectures": {}}, "Cannot merge incompatible container types"),
        ({"architectures": [[None]]}, r"architectures holds \[None\], which is not of type str"),
        ({"recipes": [{"a": 1}]}, "recipes holds {'a': 1}, which is not of type str"),
    ],
)
def test_lists_of_lists_are_no_grid(tmp_path, changes, says):
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump({**GRID, **changes}))
    with pytest.raises(GanzooError, match=says):
        load_grid(tmp_path / "grid.yaml", {})


def test_a_grid_keeps_references_for_its_rows(tmp_path):
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump({**GRID, "settings": ["metrics.seed=${seed}"]}))
    assert load_grid(tmp_path / "grid.yaml", {}).settings == ["metrics.seed=${seed}"]


def test_a_grid_of_endless_rows_is_refused():
    names = [" " * blanks + "mlp" for blanks in range(1000)]
    grid = load_grid(None, {"architectures": names, "losses": names, "extras": names, "kimg": 1.0})
    with pytest.raises(GanzooError, match=r"the grid has 1,000,000,000 rows"):
        cells(grid, REGISTRY)
