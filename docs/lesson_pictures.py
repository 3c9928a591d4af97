"""The pictures of the lesson, drawn from its runs. Functions that need torch import it themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lesson_drawing import WIDTH, Axis, Line, caption, chart, drawing, heat, picture

import ganzoo
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo_explain.svg import diagram, style, to_svg
from ganzoo_report.story import Snapshot, Story, read_story

if TYPE_CHECKING:
    from ganzoo.interfaces import Loss

MOMENTS = (0, 2, 5, 18, 72, 180)  # the story has a row for each of these kimg
BEFORE = 5  # kimg of the images whose gradient is drawn
COLUMNS = 8  # images in a row
LOSSES = {"minimax": "fake", "non-saturating": "generator"}  # the generator's losses, and the tones of their lines


def draw_all(runs: Mapping[str, RunDir], directory: Path, recipe: str, *settings: str) -> None:
    """Write every picture of the lesson as SVG. recipe, settings: the combination whose diagram is drawn."""
    from ganzoo.config.resolve import resolve
    from ganzoo.plugin.registry import Registry
    from ganzoo_explain.describe import describe

    directory.mkdir(parents=True, exist_ok=True)
    system = describe(resolve(Registry.load(), recipe, None, settings))
    drawings = {
        "system-wide": to_svg(system) + "\n",
        "system": diagram(system, across=False, style=style()) + "\n",
        "losses": losses(),
        "story": story(runs["run"]),
        "gradient": gradient(runs["run"]),
        "curves": curves(runs["run"]),
        "auc": auc(runs["run"], runs["plain"]),
        "collapse": collapse(runs["collapsed"], runs["few"]),
        "vanishing": vanishing({name: runs[name] for name in LOSSES}),
    }
    for name, content in drawings.items():
        (directory / f"{name}.svg").write_text(content)


def log_of(run: RunDir) -> list[dict[str, float]]:
    """Return the records of a run's log."""
    return [dict(record) for record in read_facts(run).log]


def record_at(log: Sequence[dict[str, float]], kimg: float) -> dict[str, float]:
    """Return the record nearest to ``kimg``."""
    return min(log, key=lambda record: abs(record["kimg"] - kimg))


def snapshot_at(story: Story, kimg: float) -> Snapshot:
    """Return the snapshot nearest to ``kimg``."""
    return min(story.snapshots, key=lambda snapshot: abs(snapshot.kimg - kimg))


def moments(run: RunDir) -> list[Snapshot]:
    """Return the snapshots that the lesson shows, one for each of MOMENTS."""
    found = read_story(run)
    return [snapshot_at(found, kimg) for kimg in MOMENTS]


@cache
def loss_of(name: str) -> Loss:
    """Return a loss by its name."""
    return ganzoo.create_model(f"mlp+{name}").loss


def generator_loss(name: str, logit: float) -> tuple[float, float]:
    """Return the generator's loss and its slope at the logit of one fake."""
    import torch

    d_fake = torch.tensor([float(logit)], requires_grad=True)
    value = loss_of(name).generator(d_real=None, d_fake=d_fake)
    (slope,) = torch.autograd.grad(value, d_fake)
    return float(value.detach()), float(slope)


def losses() -> str:
    """Draw both losses of the generator as functions of the logit of a fake."""
    logits = [step / 4 for step in range(-24, 25)]
    lines = [
        Line(name, tone, [(logit, generator_loss(name, logit)[0]) for logit in logits], tone == "fake")
        for name, tone in LOSSES.items()
    ]
    ticks = [(value, f"{value}") for value in (-6, -3, 0, 3, 6)]
    x, y = Axis("logit of a fake (left of 0: the discriminator says fake)", -6, 6, ticks), Axis("", -6.2, 6.2, ticks)
    return drawing("The generator's loss, minimax and non-saturating", 230, chart(lines, x, y))


def story(run: RunDir) -> str:
    """Draw a row of images with the discriminator's verdicts for each moment, and a row of real images below."""
    drawn, y, cell = [], 0.0, WIDTH / COLUMNS
    for snapshot in moments(run):
        verdicts = snapshot.verdicts
        assert verdicts is not None
        drawn.append(
            caption(f"{snapshot.kimg:.0f} kimg: {verdicts.fooled} of {len(verdicts.fake)} taken for real", y + 16)
        )
        element, height = picture(snapshot.images[:COLUMNS], COLUMNS, 0, y + 22, WIDTH)
        drawn.append(element)
        y += 22 + height
        for place, judged in enumerate(verdicts.shown[:COLUMNS]):
            tone = "real" if judged.real else "fake"
            drawn.append(caption(percent(judged.value), y + 13, cell * (place + 0.5), tone, "middle"))
        y += 22
    real = read_story(run).real
    assert real is not None
    drawn.append(caption("Real images", y + 16, tone="real"))
    element, height = picture(real[:COLUMNS], COLUMNS, 0, y + 22, WIDTH)
    return drawing("Generated images over the training, and real ones", y + 22 + height, "".join([*drawn, element]))


def gradient(run: RunDir) -> str:
    """Draw generated images, and for each pixel the change that would lower the generator's loss."""
    import torch

    from ganzoo.models.build import build_model
    from ganzoo.plugin.registry import Registry
    from ganzoo.runs.load import load_config

    snapshot = snapshot_at(read_story(run), BEFORE)
    checkpoint = run.checkpoint(snapshot.name)
    assert checkpoint.image is not None
    model = build_model(load_config(Registry.load(), run), checkpoint.image)
    checkpoint.load_weights("discriminator", model.discriminator)
    model.discriminator.eval()
    shown = snapshot.images[:COLUMNS]
    images = torch.from_numpy(shown[..., 0].copy())[:, None].float().div(127.5).sub(1).requires_grad_()
    value = model.loss.generator(d_real=None, d_fake=model.discriminator(images))
    (slopes,) = torch.autograd.grad(value, images)
    above, height = picture(shown, COLUMNS, 0, 22, WIDTH)
    below, _ = picture(heat(-slopes[:, 0].numpy()), COLUMNS, 0, height + 48, WIDTH)
    words = caption(f"Generated images after {snapshot.kimg:.0f} kimg", 16)
    words += caption("What the discriminator asks for: orange brighter, blue darker", height + 42)
    return drawing(
        "Images, and the gradient of the generator's loss at their pixels", 2 * height + 48, words + above + below
    )


def curves(run: RunDir) -> str:
    """Draw the losses over the training, and below them the discriminator's accuracies and AUC."""
    log = log_of(run)

    def line(title: str, tone: str, name: str, dashed: bool = False) -> Line:
        return Line(title, tone, [(record["kimg"], record[name]) for record in log], dashed)

    both = [
        line("discriminator's loss", "discriminator", "loss_discriminator"),
        line("generator's loss", "generator", "loss_generator", True),
    ]
    shares = [
        line("real recognised", "real", "accuracy_real"),
        line("fakes recognised", "fake", "accuracy_fake", True),
        line("AUC", "discriminator", "auc"),
    ]
    top = max(value for one in both for _, value in one.points)
    values = Axis("", 0, top, [(tick, f"{tick}") for tick in range(int(top) + 1)])
    share = Axis("", 0, 1, [(value, f"{value:.0%}") for value in (0, 0.25, 0.5, 0.75, 1)])
    above = chart(both, kimg_axis(log), values, height=200)
    below = chart(shares, kimg_axis(log), share, height=230, border=0.5)
    return drawing("Losses and accuracy over the training", 445, f'{above}<g transform="translate(0 215)">{below}</g>')


def auc(run: RunDir, plain: RunDir) -> str:
    """Draw the AUC of the lesson's run and of a plain pair of networks, up to the end of the shorter run."""
    logs = [log_of(run), log_of(plain)]
    end = min(log[-1]["kimg"] for log in logs)
    lines = [
        Line(title, tone, [(record["kimg"], record["auc"]) for record in log if record["kimg"] <= end], tone == "fake")
        for title, tone, log in zip(("dcgan, held back", "mlp, plain"), ("discriminator", "fake"), logs, strict=True)
    ]
    shortest = [record for record in logs[1] if record["kimg"] <= end]
    share = Axis("", 0.4, 1, [(value, f"{value:.0%}") for value in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)])
    return drawing("AUC of two discriminators", 230, chart(lines, kimg_axis(shortest), share, border=0.5))


def collapse(collapsed: RunDir, few: RunDir) -> str:
    """Draw the last images of two runs that lack variety, next to real ones."""
    stories = [read_story(collapsed), read_story(few)]
    real = stories[0].real
    assert real is not None
    sheets = [*(found.snapshots[-1].images[:16] for found in stories), real[:16]]
    gap, drawn, height = 12, [], 0.0
    side = (WIDTH - 2 * gap) / 3
    for place, (title, images) in enumerate(zip(("All alike", "A few kinds", "Real"), sheets, strict=True)):
        left = place * (side + gap)
        element, height = picture(images, 4, left, 22, side)
        drawn += [caption(title, 16, left, "real" if title == "Real" else "fake"), element]
    return drawing("Two runs whose images lack variety, and real images", 22 + height, "".join(drawn))


def vanishing(runs: Mapping[str, RunDir]) -> str:
    """Draw the norm of the generator's gradient over the training, one line for each loss."""
    logs = {name: log_of(run) for name, run in runs.items()}
    lines = [
        Line(name, LOSSES[name], [(r["kimg"], r["gradient_generator"]) for r in log], LOSSES[name] == "fake")
        for name, log in logs.items()
    ]
    values = [value for line in lines for _, value in line.points if value > 0]
    low, high = int(np.floor(np.log10(min(values)))), int(np.ceil(np.log10(max(values))))
    y = Axis("", 10.0**low, 10.0**high, [(10.0**power, f"{10.0**power:g}") for power in range(low, high + 1)], log=True)
    return drawing("Norm of the generator's gradient", 230, chart(lines, kimg_axis(next(iter(logs.values()))), y))


def kimg_axis(log: Sequence[Mapping[str, float]]) -> Axis:
    """Return an axis from the start of a run to its end, with a tick at each quarter."""
    end = log[-1]["kimg"]
    ticks = [(int(end) * quarter / 4, f"{int(end) * quarter / 4:g}") for quarter in range(5)]
    return Axis("thousands of real images shown (kimg)", 0, end, ticks)


def percent(share: float) -> str:
    """Return a probability in percent, but never 0% or 100%."""
    if share < 0.01:
        return "<1%"
    return ">99%" if share > 0.99 else f"{share:.0%}"


def as_row(cells: Sequence[Any]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"
