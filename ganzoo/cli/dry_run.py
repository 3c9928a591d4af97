"""`ganzoo run --dry-run`: the resolved configuration, and the networks that a run would build."""

from __future__ import annotations

import click
import torch

from ganzoo.config.schema import Config, OptimizerConfig
from ganzoo.data.factory import peek_configured
from ganzoo.distributed.device import pick_device
from ganzoo.metrics.extractors import check
from ganzoo.models.build import build_model, parameter_count


def print_dry_run(config: Config) -> None:
    """Print the configuration and its networks; train and write nothing.

    Raises GanzooError for a configuration that a run would refuse.
    """
    if config.values.metrics.names:
        check(config.scoring)
    device = pick_device(config.values.loop.device)
    image = peek_configured(config)
    model = build_model(config, image)
    both = config.values.optimizer
    for network, settings in ((model.generator, both.generator), (model.discriminator, both.discriminator)):
        if settings.name != OptimizerConfig().name:  # timm has the default, and its import is slow
            from ganzoo.training.optim import make_optimizer

            make_optimizer(network, settings, config.optimizers.get(settings.name))
    batch = config.values.loop.batch
    labels = torch.zeros(2, dtype=torch.int64) if image.classes else None
    with torch.no_grad():
        images = model.generator.eval()(torch.zeros(2, model.generator.latent_dim), labels)
        logits = model.discriminator.eval()(images, labels)
    shape, judged = (batch, *images.shape[1:]), (batch, *logits.shape[1:])
    given = f" + labels ({batch},) of {image.classes} classes"
    networks = model.generator, model.discriminator
    asked, told = (given if network.conditional and image.classes else "" for network in networks)
    click.echo(config.to_yaml())
    click.echo(f"# generator      {parameter_count(model.generator):>11,} parameters, "
               f"({batch}, {model.generator.latent_dim}){asked} -> {shape}")  # fmt: skip
    click.echo(f"# discriminator  {parameter_count(model.discriminator):>11,} parameters, {shape}{told} -> {judged}")
    click.echo(f"# device         {device}")
