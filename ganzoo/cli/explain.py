"""`ganzoo explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli.files import check_file, write_file
from ganzoo.errors import GanzooError


def explain(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="COMBO", help="ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...], e.g. dcgan+wgan-gp.", show_default=False
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings, as of `ganzoo run`.", show_default=False),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page instead of printing.", show_default=False)
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the diagram alone.", show_default=False)
    ] = None,
) -> None:
    """Draw a whole combination and explain its every part."""
    check_file(html)
    check_file(svg)
    if html is not None and html == svg:
        raise GanzooError(f"--html and --svg both name {html}; name a file for each")
    from ganzoo.config.resolve import resolve
    from ganzoo.plugin.registry import Registry
    from ganzoo_explain.describe import describe

    registry, settings = Registry.load(), list(settings or [])
    system = describe(resolve(registry, recipe, None, settings), settings)
    if html is None and svg is None:
        from rich.console import Console

        from ganzoo_explain.terminal import print_system

        print_system(system, Console())
    if html is not None:
        from ganzoo_explain.page import to_page

        write_file(html, to_page(system))
    if svg is not None:
        from ganzoo_explain.svg import to_svg

        write_file(svg, to_svg(system))
