"""The values of settings, which are read according to their fields; and paths with unusual characters."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from PIL import Image
from rich.console import Console
from support import fuzzing  # noqa: F401  loads the hypothesis profile
from support.images import open_images

from ganzoo.bench.grid import Cell
from ganzoo.bench.job import Job
from ganzoo.cli.main import main
from ganzoo.config.resolve import resolve
from ganzoo.config.settings import read_settings, typed
from ganzoo.console.display import Display
from ganzoo.errors import GanzooError
from ganzoo.runs.reader import read_facts
from ganzoo.runs.reproduce import data_setting, repeat_command, write_setting
from ganzoo.runs.run_dir import RunDir

NAMES = ["set #2", "notes: cats", "trailing ", " leading", "a\tb", "a\nb", "[1, 2]", "{a: b}", "null", "~", "no", "1e5",
         "'quoted'", '"quoted"', "&a", "*a", "!!x", "%x", "@x", "`x", "a=b", "a,b", "- x", "? x", "# x", "${seed}",
         "${oc.env:HOME}", "\\${seed}", "\\\\${x", "é", "\udcff\udc80", "\x85", "\u2028", "a\r", "--",
         "{000..002}"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_directory_of_any_name_is_the_one_that_is_read(registry, tmp_path, name, monkeypatch):
    """A path is read unchanged, also from the run's configuration and facts; the command to repeat it can be made."""
    directory = tmp_path / "sets" / name
    directory.mkdir(parents=True)
    (tmp_path / "sets" / name.split(" #")[0]).mkdir(exist_ok=True)  # the name that YAML would read
    Image.new("L", (8, 8), 7).save(directory / "a.png")
    data = f"folder:{directory}"
    given = [f"data.name={data}", "generator.width=8", "discriminator.width=8", "loop.batch=1", "loop.kimg=0.002",
             "loop.device=cpu", "metrics.names=[]"]  # fmt: skip
    config = resolve(registry, "mlp+minimax", None, given)
    assert config.values.data.name == data
    assert len(open_images(registry, config.values.data.name, root=tmp_path / "root")) == 1
    begun = RunDir.create(tmp_path / "run", "mlp+minimax", config.to_yaml())
    assert resolve(registry, None, begun.good_config()).as_dict() == config.as_dict()
    facts = read_facts(begun)
    assert facts.config["data"]["name"].replace("\\", "") == data.replace("\\", "")
    command = repeat_command(config, resolve(registry, "mlp+minimax", None, [data_setting(config)]))
    monkeypatch.chdir(directory.parent)  # a published command names the directory alone
    recipe, *repeated = shlex.split(command)[2:]
    expected = config.as_dict()
    expected["data"]["name"] = f"folder:{name}"
    assert resolve(registry, recipe, None, repeated).as_dict() == expected


@pytest.mark.seconds
@pytest.mark.parametrize("name", ["set #2 ", "a\nb", "${seed}", "\udcff"])
def test_a_run_on_such_a_directory_can_be_resumed_scored_and_reported(registry, tmp_path, name, capsys):
    directory = tmp_path / name
    directory.mkdir()
    for number in range(4):
        Image.new("L", (8, 8), 60 * number).save(directory / f"{number}.png")
    given = [f"data.name=folder:{directory}", "generator.width=8", "discriminator.width=8", "loop.batch=2",
             "loop.kimg=0.008", "loop.device=cpu", "metrics.names=[]"]  # fmt: skip
    place = tmp_path / "run"
    for arguments in (
        ["run", "mlp+minimax", *given, "--out", str(place)],
        ["resume", str(place)],
        ["report", str(place)],
    ):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0, capsys.readouterr().err
    assert RunDir.open(place).provenance()["data"]["name"] == f"folder:{directory}"


@pytest.mark.long
@pytest.mark.seconds
@settings(parent=settings.get_profile("suite"), suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b"..")))
@example(b"set #2")
@example(b"\xff\xfe")
@example(b"~")
def test_any_path_that_a_file_system_allows_names_that_path(registry, tmp_path, name):
    directory = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    directory.mkdir(exist_ok=True)
    Image.new("L", (8, 8)).save(directory / "a.png")
    settings = [f"data.name=folder:{directory}", f"data.root={directory}", f"metrics.inception={directory}"]
    config = resolve(registry, "mlp+minimax", None, settings)
    data, metrics = config.values.data, config.values.metrics
    assert (data.name, data.root, metrics.inception) == (f"folder:{directory}", str(directory), str(directory))
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    assert resolve(registry, None, file).as_dict() == config.as_dict()
    assert len(open_images(registry, f"folder:{directory}", root=tmp_path / "root")) == 1


@dataclass
class Fields:
    text: str = "a"
    maybe: str | None = None
    number: float = 1.0
    switch: bool = False
    texts: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("text=1", "1"),
        ("text=null", "null"),
        ("text=", ""),
        ("text= a ", " a "),
        ("text=[a]", "[a]"),
        ("maybe=null", None),
        ("maybe=", None),
        ("maybe=~", "~"),
        ("number=1e-4", 1e-4),
        ("switch=true", True),
        ("texts=[a, 'b c']", ["a", "b c"]),
        ("texts=a, b c", ["a", "b c"]),
        ("texts=a", ["a"]),
    ],
)
def test_a_field_says_how_its_setting_is_read(setting, value):
    (found,) = typed(read_settings([setting]), OmegaConf.structured(Fields), str).values()
    assert found == value and type(found) is type(value)


TEXTS = ["a b", "null", "'a'", "${x}", "1", "a\nb", "é"]
VALUES = [*TEXTS, None, 1.5, True, ["a", "b"]]
POSSIBLE = {
    "text": TEXTS,
    "maybe": [text for text in TEXTS if text != "null"] + [None],
    "number": VALUES,
    "switch": VALUES,
    "texts": [["a", "b"], None],
    "other": VALUES,
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in POSSIBLE.items() for value in values])
def test_a_setting_that_is_written_is_read_as_it_was(key, value):
    schema = OmegaConf.structured(Fields)
    assert typed(read_settings([write_setting(key, value, schema)]), schema, str) == {key: value}


def test_commands_of_earlier_records_quote_the_data_set(registry):
    assert resolve(registry, "mlp+minimax", None, ['data.name="fashion-mnist"']).values.data.name == "fashion-mnist"


def test_a_benchmark_hands_a_data_sets_name_on_as_it_is(registry, tmp_path):
    cell = Cell("mlp+minimax", "folder:/a b/set #2", 3)
    job = Job(purpose="train", grid="g", cell=cell, directory=tmp_path, budget={"kimg": 1.0})
    assert resolve(registry, cell.recipe, None, job.all_settings).values.data.name == cell.data


def test_half_a_character_is_refused(registry):
    with pytest.raises(GanzooError, match="an incomplete character"):
        resolve(registry, "mlp+minimax", None, ["data.name=folder:\ud800"])


def test_a_display_takes_any_name(tmp_path):
    with (tmp_path / "out.txt").open("w", encoding="utf-8") as stream:
        display = Display(Console(file=stream))
        display.note("a \udcff")
        display.begin("on \udcff", 1)
        display.close()
    assert r"\udcff" in (tmp_path / "out.txt").read_text()
