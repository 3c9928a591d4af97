"""`ganzoo export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli.training import CheckpointOption, SourceArgument, default_place


def export(
    run: SourceArgument,
    form: Annotated[
        str, typer.Option("--format", metavar="onnx|torch", help="ONNX, or a program of torch.export.")
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="The file. [default: generator.onnx or .pt2 in RUN]", show_default=False)
    ] = None,
    checkpoint: CheckpointOption = "latest",
) -> None:
    """Write a run's generator as a file that other programs run, and check that it makes the same pictures."""
    import torch

    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.load import load_generator
    from ganzoo_export.onnx import SUFFIXES, check_format, example_inputs, export_generator
    from ganzoo_hub.client import fetch

    check_format(form)
    folder = fetch(run)
    generator = load_generator(Registry.load(), folder, checkpoint, torch.device("cpu"))
    file = out or default_place(run, folder) / f"generator{SUFFIXES[form]}"
    difference = export_generator(generator, form, file)
    picture, inputs = generator.picture, example_inputs(generator, 2, 1.0)
    for name, value in inputs.items():
        shape = f"({', '.join(['N', *map(str, value.shape[1:])])})" if value.ndim else "scalar, 0 to 1"
        typer.echo(f"input: {name} {str(value.dtype).removeprefix('torch.')} {shape}")
    typer.echo(f"output: pictures float32 (N, {picture.channels}, {picture.size}, {picture.size}), -1 to 1")
    typer.echo(f"checked: without noise, no pixel is more than {difference:.1g} off the run's own")
    typer.echo(f"exported: {file}")
