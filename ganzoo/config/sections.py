"""The dataclass of a whole configuration: the core's sections, and the sections of the recipe's parts."""

from __future__ import annotations

from dataclasses import field, make_dataclass

from omegaconf import DictConfig, OmegaConf

from ganzoo.config.recipe import Recipe
from ganzoo.config.schema import CoreConfig, DataConfig
from ganzoo.entries import DatasetEntry
from ganzoo.params import NoParams


def schema_of(recipe: Recipe, dataset: DatasetEntry) -> DictConfig:
    """Return the schema of a recipe's configuration: the core's dataclass with a section for each part's parameters."""
    penalties = make_dataclass(
        "PenaltiesConfig",
        [(key, entry.params, field(default_factory=entry.params)) for key, entry in recipe.penalty_keys.items()],
    )
    parts = {
        "data": data_section(dataset),
        "generator": recipe.generator.generator_params,
        "discriminator": recipe.discriminator.discriminator_params,
        "loss": recipe.loss.params,
        "penalties": penalties,
    }
    parts |= {entry.kind: entry.params for entry in recipe.extras}
    return _structured(parts, str(recipe))


def scoring_schema(dataset: DatasetEntry) -> DictConfig:
    """Return the schema for a score that belongs to no recipe: the core's dataclass with the data set's section."""
    return _structured({"data": data_section(dataset)}, "")


def data_section(dataset: DatasetEntry) -> type[DataConfig]:
    """Return the dataclass of ``data``, with ``data.options`` if the data set's entry has parameters."""
    if dataset.params is NoParams:
        return DataConfig
    options = [("options", dataset.params, field(default_factory=dataset.params))]
    return make_dataclass("DataConfig", options, bases=(DataConfig,))


def _structured(parts: dict[str, type], recipe: str) -> DictConfig:
    fields = [(name, cls, field(default_factory=cls)) for name, cls in parts.items()]
    return OmegaConf.structured(make_dataclass("RunConfig", fields, bases=(CoreConfig,))(recipe=recipe))
