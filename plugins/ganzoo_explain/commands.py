"""`ganzoo explain`."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.cli.completion import complete_recipe, complete_setting
from ganzoo.cli.options import PATH, check_file, write_file
from ganzoo.errors import GanzooError


@click.command()
@click.argument("recipe", metavar="RECIPE", shell_complete=complete_recipe)
@click.argument("settings", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=complete_setting)
@click.option("--html", type=PATH, metavar="FILE", help="Write a page instead of printing.")
@click.option("--svg", type=PATH, metavar="FILE", help="Write the diagram alone.")
def explain(recipe: str, settings: tuple[str, ...], html: Path | None, svg: Path | None) -> None:
    """Draw a whole combination and explain every part of it.

    RECIPE is ARCH[/DISCRIMINATOR]+LOSS[+PENALTY...], e.g. dcgan+wgan-gp; KEY=VALUE are settings, as for `ganzoo run`.
    """
    check_file(html)
    check_file(svg)
    if html is not None and html == svg:
        raise GanzooError(f"--html and --svg both name {html}; name a file for each")
    from ganzoo.config.resolve import resolve
    from ganzoo.plugin.registry import Registry
    from ganzoo_explain.describe import describe

    registry = Registry.load()
    system = describe(resolve(registry, recipe, None, list(settings)), list(settings))
    if html is None and svg is None:
        from rich.console import Console

        from ganzoo_explain.terminal import print_system

        print_system(system, Console(emoji=False))
    if html is not None:
        from ganzoo_explain.page import to_page

        write_file(html, to_page(system))
    if svg is not None:
        from ganzoo_explain.svg import to_svg

        write_file(svg, to_svg(system))
