"""`ganzoo export`."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.cli.options import PATH, checkpoint_option, source_argument


@click.command()
@source_argument
@click.option(
    "--format",
    "form",
    default="onnx",
    show_default=True,
    metavar="onnx|torch",
    help="ONNX, or a program of torch.export.",
)
@click.option("--out", type=PATH, help="The file. [default: generator.onnx or .pt2 in RUN]")
@checkpoint_option
def export(run: str, form: str, out: Path | None, checkpoint: str) -> None:
    """Write a run's generator as a file for other programs, and check that it draws the same images.

    RUN is a run's directory, the address of a run, such as hf://OWNER/NAME,
    or registered weights, such as RECIPE@DATA (see ganzoo list --weights).
    """
    import torch

    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.class_names import CLASS_NAMES, class_names
    from ganzoo.runs.load import load_config, restore_generator
    from ganzoo.runs.run_dir import RunDir
    from ganzoo.runs.store import fetch, output_directory
    from ganzoo_export.onnx import SUFFIXES, check_format, describe_inputs, export_generator

    check_format(form)
    registry = Registry.load()
    path = fetch(registry, run)
    directory = RunDir.open(path)
    config, found = load_config(registry, directory), directory.checkpoint(checkpoint)
    generator = restore_generator(config, found, torch.device("cpu"))
    names = class_names(config, generator.image.classes, found, directory)
    file = out or output_directory(run, path) / f"generator{SUFFIXES[form]}"
    difference = export_generator(generator, form, file, names)
    image = generator.image
    for name, words in describe_inputs(generator, names).items():
        if name != CLASS_NAMES:
            listed = f": {', '.join(names)}" if name == "labels" and names else ""
            click.echo(f"input: {name} {words}{listed}")
    click.echo(f"output: images float32 (N, {image.channels}, {image.size}, {image.size}), -1 to 1")
    click.echo(f"checked: without noise, no pixel is more than {difference:.1g} off the run's own")
    click.echo(f"exported: {file}")
