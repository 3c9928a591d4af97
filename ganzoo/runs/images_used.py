"""Log which images a run uses, and which parts use their labels."""

from __future__ import annotations

import logging
from dataclasses import replace

from ganzoo.config.schema import Config
from ganzoo.data.dataset import Images
from ganzoo.data.sources import NONE
from ganzoo.data.usage import Usage
from ganzoo.models.build import Model

logger = logging.getLogger(__name__)


def say_usage(config: Config, images: Images, model: Model) -> Usage:
    """Log in one line which images are used, which are not and why; return that usage."""
    usage = images.usage or Usage(len(images))
    if images.labels is not None:
        usage = replace(usage, remarks=(*usage.remarks, _labels_in_words(config, images.spec.classes, model)))
    elif config.values.data.labels == NONE:
        usage = replace(usage, remarks=(*usage.remarks, "no labels, as data.labels=none"))
    logger.log(logging.INFO if usage.whole else logging.WARNING, f"{images.name}: {usage}")
    return usage


def _labels_in_words(config: Config, classes: int, model: Model) -> str:
    """Return which networks are given the labels and which parts of the recipe read them, in words."""
    networks = {"the generator": model.generator, "the discriminator": model.discriminator}
    told = [name for name, network in networks.items() if network.conditional]
    read = [rule.name for rule in config.recipe.demanding if rule.needs.labels]
    said = [f"given to {' and '.join(told)}" if told else "", f"read by {' and '.join(read)}" if read else ""]
    if not any(said):
        return f"labels of {classes} classes are not used: neither network is class-conditional"
    return f"labels of {classes} classes {' and '.join(filter(None, said))}"
