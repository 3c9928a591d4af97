"""Parameters of a data source: ``data.options``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.images import open_images
from support.strangers import with_stranger

from ganzoo import DatasetEntry, ImageSpec
from ganzoo.cli.commands import app
from ganzoo.config.resolve import resolve, resolve_scoring
from ganzoo.data.factory import open_configured, peek_configured
from ganzoo.entries import at_least, param
from ganzoo.errors import GanzooError
from ganzoo.interfaces import DataSource, SourceImage
from ganzoo.plugin.registry import Registry
from ganzoo.runs.reproduce import data_setting, repeat_command


@dataclass
class ShadeParams:
    shade: int = param(7, "grey value of all images")
    column: str = param("image", "name of the column")

    def __post_init__(self) -> None:
        at_least(self, 0, "shade")


class Shades(DataSource):
    def content_key(self):
        return "shades"  # does not depend on the parameters

    def __len__(self):
        return 4

    def __iter__(self):
        return (SourceImage(str(n), np.full((8, 8, 1), self.params.shade, np.uint8)) for n in range(4))

    def peek(self):
        return ImageSpec(1, 8)


SHADES = DatasetEntry(
    name="shades", summary="Grey images", target=f"{__name__}:Shades", params=ShadeParams, splits=("train",)
)


@pytest.fixture
def zoo() -> Registry:
    return with_stranger(SHADES, hook="register_datasets")


def configured(zoo: Registry, *settings: str, file: Path | None = None):
    return resolve(zoo, "mlp+minimax", file, ["data.name=shades", *settings])


def test_the_source_gets_them_after_the_split(zoo, tmp_path):
    for settings, shade in (((), 7), (("data.options.shade=9",), 9)):
        config = configured(zoo, *settings)
        assert peek_configured(config, tmp_path) == ImageSpec(1, 8)
        assert set(open_configured(config, root=tmp_path).array.flatten().tolist()) == {shade}
    assert set(open_images(zoo, "shades", root=tmp_path).array.flatten().tolist()) == {7}


def test_what_was_decoded_with_others_is_not_used(zoo, tmp_path):
    keys = {open_configured(configured(zoo, f"data.options.shade={n}"), root=tmp_path).fingerprint for n in (1, 2, 1)}
    assert len(keys) == 2


def test_they_are_part_of_the_configuration(zoo, tmp_path):
    config = configured(zoo, "data.options.column=#7: x", "data.options.shade=3")
    assert config.as_dict()["data"]["options"] == {"shade": 3, "column": "#7: x"}  # the text is unchanged
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert resolve(zoo, None, tmp_path / "config.yaml").as_dict() == config.as_dict()
    command = repeat_command(config, resolve(zoo, str(config.recipe), None, [data_setting(config)]))
    assert "data.options.shade=3" in command and "'data.options.column=#7: x'" in command
    assert "options" not in resolve(zoo, "mlp+minimax").as_dict()["data"]


def test_a_score_without_a_recipe_has_them_too(zoo):
    assert resolve_scoring(zoo, ["data.name=shades", "data.options.shade=3"])[2].params == ShadeParams(3)


def test_without_data_the_settings_of_a_score_are_for_its_reference(zoo):
    entry, location, data, scoring = resolve_scoring(
        zoo, ["metrics.reference=folder:images", "data.background=white", "data.fit=pad"]
    )
    assert (entry.name, location, data.background, data.fit) == ("folder", "images", "white", "pad")
    assert scoring.reference.entry is entry
    found = resolve_scoring(zoo, ["metrics.reference=fashion-mnist:train"])
    assert (found[0].name, found[2].name) == ("fashion-mnist", "fashion-mnist")
    assert resolve_scoring(zoo, ["metrics.reference=folder:images", "data.name=shades"])[0].name == "shades"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("data.options.shad=3", r"unknown key 'data\.options\.shad'; did you mean 'data\.options\.shade'"),
        ("data.options.shade=-1", r"data\.options\.shade is -1, must be 0 or more"),
        ("data.options.shade=dark", r"data\.options\.shade"),
        ("data.options=3", r"data\.options is a group of settings"),
    ],
)
def test_a_wrong_one_is_named(zoo, setting, says):
    with pytest.raises(GanzooError, match=says):
        configured(zoo, setting)


def test_a_set_without_parameters_refuses_them(zoo):
    with pytest.raises(GanzooError, match=r"unknown key 'data\.options'"):
        resolve(zoo, "mlp+minimax", None, ["data.options.shade=3"])


def test_info_shows_them(zoo, monkeypatch):
    monkeypatch.setattr(Registry, "load", lambda: zoo)
    result = CliRunner().invoke(app, ["info", "shades"])
    assert result.exit_code == 0
    assert "data.options\n  shade: int = 7  grey value of all images\n" in result.output


def test_marks_of_the_parameters_are_marks_of_the_run(monkeypatch):
    @dataclass
    class Marked(ShadeParams):
        marks = ("synthetic",)

    zoo = with_stranger(replace(SHADES, params=Marked), hook="register_datasets")
    assert configured(zoo).marks == ("synthetic",)
