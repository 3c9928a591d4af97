"""Settings to a checked configuration, merged from four places.

Core defaults < the plugins' defaults for this combination < ``--config FILE`` < ``key=value``.
A configuration is data: a value can be that of another of its keys (``${seed}``), but resolvers (``${oc.env:...}``) and
all else that OmegaConf makes of ``${`` are off. A setting of the command line whose field is text is taken literally.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganzoo.config.recipe import Recipe, default_metrics, find_extractor, parse_data, parse_recipe
from ganzoo.config.schema import Config, CoreConfig, DataConfig, MetricsConfig, RunConfig
from ganzoo.config.settings import read_settings, typed
from ganzoo.entries import ArchitectureEntry, DatasetEntry, LossEntry, MetricEntry, OptimizerEntry, PenaltyEntry
from ganzoo.errors import GanzooError
from ganzoo.plugin.registry import Registry
from ganzoo.utils.checksum import DIGEST, unsealed
from ganzoo.utils.safe_yaml import parse_json, parse_yaml, read_text
from ganzoo.utils.structured import check_items, first_line, literal

Layer = tuple[str, dict[str, Any]]  # where settings come from, and the settings
REFERENCE = re.compile(r"\$\{[\w.]+\}")
ESCAPED = re.compile(r"(?<!\\)(\\\\)*\\\$\{")  # behind an odd number of backslashes: text


def resolve(
    registry: Registry, recipe_text: str | None, file: Path | None = None, settings: Iterable[str] = ()
) -> Config:
    """Merge, check types and bounds. Raises GanzooError that names the key, before anything is allocated.

    The recipe comes from the command line, or from ``recipe:`` in the file.
    """
    layers = [] if file is None else [(str(file), _read_file(file))]
    layers.append(("the command line", _with_data(read_settings(settings))))
    for _, layer in layers:
        recipe_text = recipe_text or layer.get("recipe")
    if not isinstance(recipe_text, str) or not recipe_text:
        raise GanzooError(f"no recipe given in {file}; add `recipe: dcgan+wgan-gp` or name it on the command line")
    recipe = parse_recipe(recipe_text, registry)
    dataset = _dataset_entry(registry, layers)
    schema = schema_of(recipe)
    layers = [(source, {**layer, "recipe": str(recipe)}) for source, layer in layers]
    values = _checked(schema, _plugin_defaults(registry, recipe, dataset, schema), layers)
    if values.data.split not in dataset.splits:
        raise GanzooError(
            f"data.split={values.data.split}: {dataset.name} has no such split; leave data.split out, or name a data "
            f"set of the {values.data.split} images"
        )
    location = parse_data(values.data.name, registry)[1]
    metrics = [entry for name in values.metrics.names if (entry := registry.lookup(MetricEntry, name))]
    extractors = (find_extractor(entry, registry) for entry in metrics)
    known = {entry.name: entry for entry in extractors if entry}
    used = (values.optimizer.generator.name, values.optimizer.discriminator.name)
    optimizers = {name: found for name in used if (found := registry.lookup(OptimizerEntry, name))}
    return Config(cast(RunConfig, values), recipe, dataset, location, tuple(metrics), tuple(known.values()), optimizers)


def resolve_scoring(
    registry: Registry, settings: Iterable[str]
) -> tuple[DatasetEntry, str | None, DataConfig, MetricsConfig]:
    """Return a data set's entry and location, and the checked ``data`` and ``metrics`` settings, without a recipe.

    Raises GanzooError as :func:`resolve` does.
    """
    layers = [("the settings", _with_data(read_settings(settings)))]
    if others := layers[0][1].keys() - {"data", "metrics"}:
        raise GanzooError(f"{', '.join(sorted(others))}: only data.* and metrics.* are settings of a score")
    entry = _dataset_entry(registry, layers)
    defaults = [("the metrics", {"metrics": {"names": default_metrics(registry)}})]
    values = _checked(OmegaConf.structured(CoreConfig(recipe="")), defaults, layers)
    return entry, parse_data(values.data.name, registry)[1], values.data, values.metrics


def _checked(schema: DictConfig, defaults: list[Layer], layers: list[Layer]) -> Any:
    """Merge defaults and layers into dataclasses, and check types and bounds."""
    layers = [(source, typed(layer, schema)) for source, layer in layers]
    for source, layer in layers:
        _refuse_resolvers(layer, source)
    config = schema
    for source, layer in [*defaults, *layers]:
        config = _merge(config, layer, source)
    try:
        values: Any = OmegaConf.to_object(config)
        check_items(values)
    except OmegaConfBaseException as error:
        raise GanzooError(f"config: {error.full_key or ''}: {first_line(error)}") from error
    except ValueError as error:  # a bound, from a dataclass's __post_init__
        raise GanzooError(f"config: {_locate(config, error)}") from error
    except (TypeError, RecursionError) as error:
        raise GanzooError(f"config: {first_line(error)}") from error
    return values


def _with_data(layer: dict[str, Any]) -> dict[str, Any]:
    """Read what names the recipe and the data set first: the schema of all other settings depends on them."""
    first: dict[str, Any] = {key: layer[key] for key in ("recipe", "data") if key in layer}
    first = typed(first, OmegaConf.structured(CoreConfig(recipe="")))
    data = first.get("data")
    if isinstance(data, dict) and isinstance(name := data.get("name"), str) and name.startswith('"'):
        # The commands of earlier records quote it. No data set's name begins with a quote, so this changes no path.
        with suppress(ValueError):
            data["name"] = parse_json(name)
    return {**layer, **first}


def schema_of(recipe: Recipe) -> DictConfig:
    """Build the core's dataclass with the chosen components' parameters in their places."""
    penalties = make_dataclass(
        "PenaltiesConfig",
        [(key, entry.params, field(default_factory=entry.params)) for key, entry in recipe.penalty_keys.items()],
    )
    parts = {
        "generator": recipe.generator.generator_params,
        "discriminator": recipe.discriminator.discriminator_params,
        "loss": recipe.loss.params,
        "penalties": penalties,
    }
    parts |= {entry.kind: entry.params for entry in recipe.extras}
    fields = [(name, cls, field(default_factory=cls)) for name, cls in parts.items()]
    return OmegaConf.structured(make_dataclass("RunConfig", fields, bases=(CoreConfig,))(recipe=str(recipe)))


def _plugin_defaults(registry: Registry, recipe: Recipe, dataset: DatasetEntry, schema: DictConfig) -> list[Layer]:
    """The metrics', the data set's, each architecture's for its own network, the loss's and penalties', the tuned
    pairs', without those that refer to a setting which the other architecture of the recipe lacks."""

    def is_discriminators(key: str) -> bool:
        return key.startswith(("discriminator.", "optimizer.discriminator."))

    def possible(value: Any) -> bool:
        refers = isinstance(value, str) and REFERENCE.fullmatch(value)
        return not refers or OmegaConf.select(schema, value[2:-1], default=schema) is not schema

    def by_network(own: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        return [
            (recipe.generator.name, {k: v for k, v in own.items() if not is_discriminators(k)}),
            (recipe.discriminator.name, {k: v for k, v in other.items() if is_discriminators(k)}),
        ]

    layers = [
        ("the metrics", {"metrics.names": default_metrics(registry)}),
        (dataset.name, {"data.name": dataset.name, **dataset.defaults}),
        *by_network(recipe.generator.defaults, recipe.discriminator.defaults),
        *((part.name, part.defaults) for part in recipe.rules),
        *((part.name, part.defaults) for part in recipe.extras),
        *by_network(*(_tuned(registry, entry, recipe) for entry in (recipe.generator, recipe.discriminator))),
    ]
    return [(f"the defaults of {name}", _nest({k: v for k, v in flat.items() if possible(v)})) for name, flat in layers]


def _tuned(registry: Registry, architecture: ArchitectureEntry, recipe: Recipe) -> dict[str, Any]:
    """What an architecture wants for this very loss and these penalties, the more particular the later; another
    distribution's of those names are not meant."""

    def meant(name: str) -> bool:
        named = (registry.lookup(cls, name, near=architecture) for cls in (LossEntry, PenaltyEntry))
        return any(entry is rule for entry in named for rule in recipe.rules)

    found: dict[str, Any] = {}
    for names in sorted(architecture.tuned, key=lambda names: names.count("+")):
        if all(meant(name) for name in names.split("+")):
            found |= architecture.tuned[names]
    return found


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for dotted, value in flat.items():
        *path, last = dotted.split(".")
        node = nested
        for key in path:
            node = node.setdefault(key, {})
        node[last] = value
    return nested


def _merge(config: DictConfig, layer: Mapping[str, Any], source: str) -> DictConfig:
    _refuse_values_for_groups(config, layer, source)
    try:
        merged = OmegaConf.merge(config, layer)
    except Exception as error:  # OmegaConf has errors of its own, and lets those of Python through
        key = getattr(error, "full_key", None) or ""
        if "not in" in str(error) and (near := _near(config, key)):
            raise GanzooError(f"{source}: unknown key {key!r}; did you mean {near!r}?") from error
        if "not in" in str(error):
            raise GanzooError(
                f"{source}: unknown key {key!r}; see `ganzoo run RECIPE --dry-run` for all keys"
            ) from error
        raise GanzooError(f"{source}: {key}: {first_line(error)}") from error
    assert isinstance(merged, DictConfig)
    return merged


def _refuse_values_for_groups(config: DictConfig, layer: Mapping[str, Any], source: str, path: str = "") -> None:
    """OmegaConf's own message for `loop=3` names no key."""
    for key, value in layer.items():
        group = config.get(key) if key in config else None
        if isinstance(group, ListConfig) and isinstance(value, Mapping):
            raise GanzooError(f"{source}: {path}{key} is a list, was given {value!r}; write {path}{key}=[...]")
        if not isinstance(group, DictConfig):
            continue
        if not isinstance(value, Mapping):
            raise GanzooError(f"{source}: {path}{key} is a group of settings, was given {value!r}; set {path}{key}.KEY")
        _refuse_values_for_groups(group, value, source, f"{path}{key}.")


def _near(config: DictConfig, key: str) -> str | None:
    keys = list(_leaves(OmegaConf.to_container(config)))
    near = difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
    ends = [known for known in keys if known.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    return next(iter(near + ends), None)


def _leaves(node: Any, prefix: str = "") -> Iterable[str]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{prefix}{key}.")
    else:
        yield prefix[:-1]


def _locate(config: DictConfig, error: ValueError) -> str:
    """Find which part of the configuration a bound's message belongs to, by building each part alone."""

    def search(node: DictConfig, path: str) -> str | None:
        for key, child in ((str(key), child) for key, child in node.items()):
            if isinstance(child, DictConfig):
                if deeper := search(child, f"{path}{key}."):
                    return deeper
                try:
                    OmegaConf.to_object(child)
                except ValueError as inner:
                    return f"{path}{key}.{inner}"
        return None

    with suppress(OmegaConfBaseException):  # of another key, which refers to nothing
        return search(config, "") or first_line(error)
    return first_line(error)


def _read_file(file: Path) -> dict[str, Any]:
    """What a YAML or JSON file holds; of a benchmark's record the settings that it was made with."""
    kind, parse = ("JSON", parse_json) if file.suffix == ".json" else ("YAML", parse_yaml)
    try:
        loaded = parse(read_text(file))
    except OSError as error:
        raise GanzooError(f"cannot read the config {file}: {error.strerror}") from error
    except ValueError as error:
        raise GanzooError(f"{file} is not valid {kind}: {error}") from error
    if isinstance(loaded, dict) and DIGEST in loaded:
        try:
            loaded = literal(unsealed(loaded).get("config"))
        except ValueError as error:
            raise GanzooError(f"{file} was changed after it was written: {error}; restore it") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise GanzooError(f"{file} must hold keys and values, as `ganzoo run RECIPE --dry-run` prints them")
    return loaded


def _dataset_entry(registry: Registry, layers: Iterable[tuple[str, dict[str, Any]]]) -> DatasetEntry:
    """Look up the data set that the settings name, or the installed one that is marked as the default."""
    name: Any = None
    for _, layer in layers:
        data = layer.get("data")
        if isinstance(data, dict):
            name = data.get("name", name)
    if name is None:
        for entry in registry.entries[DatasetEntry.kind].values():
            if isinstance(entry, DatasetEntry) and entry.default:
                return entry
        raise GanzooError("no data set is named; add data.name=NAME (`ganzoo list` shows what is installed)")
    if not isinstance(name, str):
        raise GanzooError(f"data.name is {name!r}, must be the name of a data set")
    return parse_data(name, registry)[0]


def _refuse_resolvers(node: Any, source: str, path: str = "") -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            _refuse_resolvers(value, source, f"{path}{key}.")
    elif isinstance(node, list):
        for value in node:
            _refuse_resolvers(value, source, path)
    elif isinstance(node, str) and "${" in ESCAPED.sub("", node) and not REFERENCE.fullmatch(node):
        raise GanzooError(
            f"{source}: {path[:-1]} uses a resolver ({node}), which are off, or more than one ${{KEY}}; "
            "write the value itself"
        )
