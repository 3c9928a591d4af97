"""Merge settings from four sources into a checked configuration.

Core defaults < the plugins' defaults for this combination < ``--config FILE`` < ``key=value``.
A configuration is data: a value may refer to another key (``${seed}``), but resolvers (``${oc.env:...}``) and all other
uses of ``${`` in OmegaConf are off. A setting of the command line is taken literally if its field is text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from ganzoo.config.recipe import Recipe, parse_data, parse_recipe
from ganzoo.config.schema import BASIC, LABELS, Config, CoreConfig, DataConfig, ReferenceSet, RunConfig, Scoring
from ganzoo.config.scoring import find_reference, find_scoring
from ganzoo.config.sections import schema_of, scoring_schema
from ganzoo.config.settings import read_settings, typed
from ganzoo.entries import ArchitectureEntry, DatasetEntry, LossEntry, MetricEntry, OptimizerEntry, PenaltyEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.checksum import DIGEST, unsealed
from ganzoo.utils.layers import REFERENCE, Layer, flatten, merge_layers, nest, refuse_resolvers
from ganzoo.utils.safe_yaml import parse_json, read_mapping
from ganzoo.utils.structured import literal

BEFORE: Layer = ("an older version", {"data": {"labels": LABELS[-1], "formats": BASIC}})


def resolve(
    registry: Registry,
    recipe_text: str | None,
    file: Path | None = None,
    settings: Iterable[str] = (),
    *,
    kept: bool = False,
) -> Config:
    """Merge settings, and check types and bounds. Raises a GanzooError that names the key, before any allocation.

    The recipe is ``recipe_text``, or ``recipe`` in the settings, or else in the file. kept: whether the file is that of
    a run or a record. If it was written before a setting existed, the setting gets the value that keeps the earlier
    behaviour.
    """
    layers = [BEFORE] if kept else []
    layers += [] if file is None else [(str(file), _read_file(file))]
    layers.append(("the command line", _with_data(read_settings(settings))))
    named = list(dict.fromkeys(str(text) for text in (recipe_text, layers[-1][1].get("recipe")) if text))
    if len(named) > 1:
        raise GanzooError(f"two recipes are given, {named[0]} and recipe={named[1]}; leave one out")
    recipe_text = next((text for text in (*named, *(layer.get("recipe") for _, layer in layers)) if text), None)
    if not isinstance(recipe_text, str) or not recipe_text:
        raise GanzooError(f"{file or 'the settings'}: no recipe given; name one, for example dcgan+wgan-gp")
    recipe = parse_recipe(recipe_text, registry)
    dataset = _dataset_entry(registry, layers)
    schema = schema_of(recipe, dataset)
    layers = [(source, {**layer, "recipe": str(recipe)}) for source, layer in layers]
    values = _checked(schema, _plugin_defaults(registry, recipe, dataset, schema), layers)
    if values.data.split not in dataset.splits:
        raise GanzooError(
            f"data.split={values.data.split}: {dataset.name} has no such split; leave data.split out, or name a data "
            f"set of the {values.data.split} images"
        )
    location = parse_data(values.data.name, registry)[1]
    used = (values.optimizer.generator.name, values.optimizer.discriminator.name)
    optimizers = {name: entry for name in used if (entry := registry.lookup(OptimizerEntry, name))}
    scoring = find_scoring(values.metrics, registry)
    return Config(cast(RunConfig, values), recipe, dataset, location, scoring, optimizers)


def resolve_scoring(
    registry: Registry, settings: Iterable[str]
) -> tuple[DatasetEntry, str | None, DataConfig, Scoring]:
    """Resolve the settings of a score without a recipe.

    Return the data set's entry and location, the checked ``data`` settings, and the metrics and extractors.
    Raises GanzooError as :func:`resolve` does.
    """
    layers = [("the settings", _with_data(read_settings(settings)))]
    if others := layers[0][1].keys() - {"data", "metrics"}:
        raise GanzooError(f"{', '.join(sorted(others))} cannot be set for a score; set only data.* or metrics.*")
    entry, name = _scored_set(registry, layers)
    defaults = [("the defaults", nest({"data.name": name, **_default_metrics(registry)}))]
    values = _checked(scoring_schema(entry), defaults, layers)
    return entry, parse_data(values.data.name, registry)[1], values.data, find_scoring(values.metrics, registry)


def _checked(schema: DictConfig, defaults: list[Layer], layers: list[Layer]) -> Any:
    """Merge defaults and layers into dataclasses, and check types and bounds. Raises GanzooError."""
    layers = [(source, typed(layer, schema)) for source, layer in layers]
    for source, layer in layers:
        refuse_resolvers(layer, source)
    values = merge_layers(schema, [*defaults, *layers])
    for key, value in flatten(asdict(values)):
        if isinstance(value, int) and value >= 2**63 and key.rpartition(".")[2] != "seed":
            raise GanzooError(f"config: {key} is {value}, must be below 2^63")
    return values


def _with_data(layer: dict[str, Any]) -> dict[str, Any]:
    """Convert the recipe and the data set's settings first: the schema of all other settings depends on them."""
    first: dict[str, Any] = {key: layer[key] for key in ("recipe", "data") if key in layer}
    options: dict[str, Any] = {}
    if isinstance(given := first.get("data"), dict) and "options" in given:  # only the entry knows their types
        options["options"] = given["options"]
        first["data"] = {key: value for key, value in given.items() if key != "options"}
    first = typed(first, OmegaConf.structured(CoreConfig(recipe="")))
    data = first.get("data")
    if isinstance(data, dict):
        data |= options
        if isinstance(name := data.get("name"), str) and name.startswith('"'):
            # Commands in older records quote the name. No data set's name begins with a quote, so this changes no path.
            with suppress(ValueError):
                data["name"] = parse_json(name)
    return {**layer, **first}


def _plugin_defaults(registry: Registry, recipe: Recipe, dataset: DatasetEntry, schema: DictConfig) -> list[Layer]:
    """Return the plugins' defaults as layers, later ones over earlier ones: those of the metrics, the data set, each
    architecture for its own network, the loss and penalties, the augmentation and step, and the tuned pairs.

    A default that refers to a setting which this recipe lacks, such as one of the other architecture, is left out.
    """

    def is_discriminators(key: str) -> bool:
        # A loss's settings bound the discriminator's weights.
        return key.startswith(("discriminator.", "optimizer.discriminator.", "loss."))

    def possible(value: Any) -> bool:
        refers = isinstance(value, str) and REFERENCE.fullmatch(value)
        return not refers or OmegaConf.select(schema, value[2:-1], default=schema) is not schema

    def by_network(own: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        return [
            (recipe.generator.name, {k: v for k, v in own.items() if not is_discriminators(k)}),
            (recipe.discriminator.name, {k: v for k, v in other.items() if is_discriminators(k)}),
        ]

    layers = [
        ("the metrics", _default_metrics(registry)),
        (dataset.name, {"data.name": dataset.name, **dataset.defaults}),
        *by_network(recipe.generator.defaults, recipe.discriminator.defaults),
        *((part.name, part.defaults) for part in recipe.rules),
        *((part.name, part.defaults) for part in recipe.extras),
        *by_network(*(_tuned(registry, entry, recipe) for entry in (recipe.generator, recipe.discriminator))),
    ]
    return [(f"the defaults of {name}", nest({k: v for k, v in flat.items() if possible(v)})) for name, flat in layers]


def _default_metrics(registry: Registry) -> dict[str, Any]:
    return {"metrics.names": [entry.name for entry in registry.of_kind(MetricEntry) if entry.default]}


def _tuned(registry: Registry, architecture: ArchitectureEntry, recipe: Recipe) -> dict[str, Any]:
    """Return the defaults that an architecture has for this recipe's loss and penalties; those for more parts override.

    If several distributions register a name that it tunes for, the name means the part of its own distribution.
    """

    def meant(name: str) -> bool:
        named = (registry.lookup(cls, name, near=architecture) for cls in (LossEntry, PenaltyEntry))
        return any(entry is rule for entry in named for rule in recipe.rules)

    found: dict[str, Any] = {}
    for names in sorted(architecture.tuned, key=lambda names: names.count("+")):
        if all(meant(name) for name in names.split("+")):
            found |= architecture.tuned[names]
    return found


def _read_file(file: Path) -> dict[str, Any]:
    """Read a file of settings, or the settings that a benchmark's record was made with."""
    content = read_mapping(file, "config", "as `ganzoo run RECIPE --dry-run` prints them")
    if DIGEST not in content:
        return content
    try:
        recorded = literal(unsealed(content).get("config"))
    except ValueError as error:
        raise GanzooError(f"{file} was changed after it was written: {error}; restore it") from error
    return recorded if isinstance(recorded, dict) else {}


def _scored_set(registry: Registry, layers: Sequence[Layer]) -> tuple[DatasetEntry, str]:
    """Return the data set that a score's ``data`` settings are for, and its name with its location.

    Without ``data.name`` it is the set of ``metrics.reference``.
    """
    given = {key: value for _, layer in layers for key, value in flatten(layer)}
    if given.get("metrics.reference") and "data.name" not in given:
        with suppress(GanzooError):  # the scoring names it
            if isinstance(found := find_reference(str(given["metrics.reference"]), registry), ReferenceSet):
                return found.entry, found.name
    entry = _dataset_entry(registry, layers)
    return entry, entry.name


def _dataset_entry(registry: Registry, layers: Iterable[Layer]) -> DatasetEntry:
    """Look up the data set that the settings name, or the installed one that is marked as the default."""
    groups = [layer["data"] for _, layer in layers if isinstance(layer.get("data"), dict)]
    name = next((group["name"] for group in reversed(groups) if "name" in group), None)
    if name is None:
        if default := registry.default(DatasetEntry):
            return default
        raise GanzooError("no data set is named; add data.name=NAME (`ganzoo list` shows what is installed)")
    if not isinstance(name, str):
        raise GanzooError(f"data.name is {name!r}, must be the name of a data set")
    return parse_data(name, registry)[0]
