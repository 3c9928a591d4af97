"""`ganzoo fid`, `ganzoo score` and `ganzoo stats`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ganzoo.cli.options import (
    PATH,
    check_file,
    checkpoint_option,
    inception_option,
    truncation_option,
    weights_option,
)
from ganzoo.errors import GanzooError

FID = "fid"
samples_option = click.option("--samples", type=int, help="Images that a run draws. [default: the run's metrics.fakes]")
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of what is drawn.")
mode_option = click.option("--mode", default="exact", show_default=True, help="exact, fast, or reference.")


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all three commands share."""
    for option in reversed(
        (samples_option, seed_option, checkpoint_option, truncation_option, weights_option, inception_option)
    ):
        command = option(command)
    return mode_option(command)


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@shared
def fid(a: str, b: str, **options: Any) -> None:
    """Compute the FID of A against B, with its protocol.

    A and B are directories of images, zips, .npz files of samples (arr_0) or statistics (mu, sigma), runs, addresses
    such as hf://OWNER/NAME, or names of data sets such as fashion-mnist:test.
    """
    _score(a, b, FID, options)


@click.command()
@click.argument("a", metavar="A")
@click.option("--reference", required=True, metavar="B", help="What A is scored against.")
@click.option("--metrics", default=FID, show_default=True, help="Comma-separated, e.g. fid,kid,prc.")
@shared
def score(a: str, reference: str, metrics: str, **options: Any) -> None:
    """Score A against B, and print the figures with their protocol.

    A and B are as for `ganzoo fid`. Metrics that compare the features of all images take no statistics.
    """
    _score(a, reference, metrics, options)


@click.command()
@click.argument("images", metavar="SET")
@click.option("--out", type=PATH, required=True, metavar="FILE.npz", help="The file to write.")
@click.option("--metric", default=FID, show_default=True, help="Metric whose features are used.")
@shared
def stats(images: str, out: Path, metric: str, **options: Any) -> None:
    """Write mean and covariance of SET's features to a file, for metrics.reference, `ganzoo fid` and pytorch-fid.

    SET is anything that `ganzoo fid` takes as A or B, except a file of statistics.
    """
    check_file(out)
    if out.suffix.lower() != ".npz":
        raise GanzooError(f"--out {out}: statistics are written as .npz; name such a file")
    from ganzoo_score.statistics import write_side
    from ganzoo_score.work import working

    with working(metric, options) as work:
        side = work.open(images)
        write_side(work.scoring, side, out, root=work.root, device=work.device, progress=work.progress)
    click.echo(f"statistics of {side.count} images: {out}")


def _score(a: str, b: str, metrics: str, options: dict[str, Any]) -> None:
    from ganzoo.console.summary import score_line
    from ganzoo_score.compare import compare
    from ganzoo_score.work import working

    with working(metrics, options) as work:
        fake, real = work.open(a), work.open(b)
        found = compare(work.scoring, fake, real, root=work.root, device=work.device, progress=work.progress)
    click.echo(score_line(found), err=True)
    click.echo(json.dumps(found.to_dict(), indent=2))
