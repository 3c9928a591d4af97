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

    RUN is a run's directory or the address of a run, such as hf://OWNER/NAME.
    """
    import torch

    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.load import load_generator
    from ganzoo.runs.store import fetch, output_directory
    from ganzoo_export.onnx import SUFFIXES, check_format, example_inputs, export_generator

    check_format(form)
    registry = Registry.load()
    directory = fetch(registry, run)
    generator = load_generator(registry, directory, checkpoint, torch.device("cpu"))
    file = out or output_directory(run, directory) / f"generator{SUFFIXES[form]}"
    difference = export_generator(generator, form, file)
    image, inputs = generator.image, example_inputs(generator, 2, 1.0)
    for name, value in inputs.items():
        shape = f"({', '.join(['N', *map(str, value.shape[1:])])})" if value.ndim else "scalar, 0 to 1"
        click.echo(f"input: {name} {str(value.dtype).removeprefix('torch.')} {shape}")
    click.echo(f"output: pictures float32 (N, {image.channels}, {image.size}, {image.size}), -1 to 1")
    click.echo(f"checked: without noise, no pixel is more than {difference:.1g} off the run's own")
    click.echo(f"exported: {file}")
