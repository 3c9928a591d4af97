"""Write the lesson from real runs: ``python docs/make_lesson.py [DIRECTORY]``.

The script trains the lesson's runs in DIRECTORY (by default ``runs/lesson``), which takes minutes on one core. It draws
``docs/assets/lesson/*.svg``, writes the figures to ``docs/assets/lesson/lesson.json``, and fills them into
``docs/lesson.md.template`` to get ``docs/lesson.md``. It does not train a finished run again; delete the run's
directory for that.
"""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

import ganzoo
from ganzoo.runs.reader import read_facts
from ganzoo.runs.run_dir import RunDir
from ganzoo.utils.waiting import waiting
from ganzoo_report.diagnosis import Finding, diagnose
from ganzoo_report.story import read_story

sys.path.insert(0, str(Path(__file__).parent))
from lesson_pictures import LOSSES, as_row, draw_all, generator_loss, log_of, moments, record_at

DOCS = Path(__file__).parent
FILE = DOCS / "lesson.md"
TEMPLATE = DOCS / "lesson.md.template"
PICTURES = DOCS / "assets" / "lesson"
FIGURES = PICTURES / "lesson.json"

RECIPE, DATA = "dcgan+non-saturating", "data.name=fashion-mnist"
NO_SCORE = "metrics.names=[]"
STRONG = ["loop.discriminator_steps=10", "loop.kimg=20", NO_SCORE]
RUNS: dict[str, list[str]] = {
    "run": [RECIPE, DATA, "loop.kimg=180", "loop.snapshot_kimg=1", "loop.keep=200", NO_SCORE],
    "plain": ["mlp+non-saturating", "loop.kimg=24", NO_SCORE],
    "collapsed": ["mlp+minimax", "optimizer.generator.lr=0.005", "loop.kimg=20", NO_SCORE],
    "few": ["mlp+minimax", "optimizer.generator.lr=0.002", "loop.kimg=20", NO_SCORE],
    "minimax": ["mlp+minimax", *STRONG],
    "non-saturating": ["mlp+non-saturating", *STRONG],
}
LOGITS = (-8, -4, -2, 0, 2, 4)  # slopes are compared at these logits
AT = (1.28, 2.56, 4.48, 10.24, 20.48)  # gradients are compared at these kimg
PUBLISHED = 1939.1  # kimg of the record that the lesson names
OF_A_MOMENT = {
    "loss_discriminator": ("loss of D", ".2f"),
    "loss_generator": ("loss of G", ".2f"),
    "accuracy_real": ("real recognised", ".0%"),
    "accuracy_fake": ("fakes recognised", ".0%"),
    "auc": ("AUC", ".2f"),
}


def page() -> str:
    """Return the content of ``lesson.md``."""
    kept = json.loads(FIGURES.read_text())
    tables = {f"{name}_table": "\n".join(map(as_row, rows)) for name, rows in kept["tables"].items()}
    return Template(TEMPLATE.read_text()).substitute(kept["words"], **tables)


def make(directory: Path) -> None:
    """Train the runs that are missing or not finished, then write pictures, figures and the page."""
    runs = {name: train(directory / name, arguments) for name, arguments in RUNS.items()}
    draw_all(runs, PICTURES, RECIPE, DATA)
    FIGURES.write_text(json.dumps({"words": words(runs), "tables": tables(runs)}, indent=1, ensure_ascii=False) + "\n")
    FILE.write_text(page())


def train(directory: Path, arguments: Sequence[str]) -> RunDir:
    """Return the run of ``ganzoo run ARGUMENTS``. It is trained now, on one thread, unless it is finished."""
    recipe, *settings = [*arguments, "loop.threads=1"]
    with waiting(f"training {recipe} in {directory}"):
        if not (directory / "config.yaml").exists():
            ganzoo.train(recipe, out=directory, settings=dict(setting.split("=", 1) for setting in settings))
        elif not ganzoo.load(directory).finished:
            ganzoo.load(directory).resume()
    return RunDir.open(directory)


def tables(runs: Mapping[str, RunDir]) -> dict[str, list[list[str]]]:
    """Return the rows of the page's tables, including their headers."""
    logs = {name: log_of(runs[name]) for name in LOSSES}
    slopes = [
        [f"{logit}", f"{1 / (1 + math.exp(-logit)):.2%}", *(f"{generator_loss(name, logit)[1]:.4f}" for name in LOSSES)]
        for logit in LOGITS
    ]
    gradients = [
        [
            f"{kimg}",
            *(f"{record_at(log, kimg)['gradient_generator']:.2g}" for log in logs.values()),
            *(f"{record_at(log, kimg)['auc']:.3f}" for log in logs.values()),
        ]
        for kimg in AT
    ]
    return {
        "slopes": _table(["logit of a fake", "probability of real", *(f"slope of {name}" for name in LOSSES)], slopes),
        "gradients": _table(["kimg", *LOSSES, *(f"AUC, {name}" for name in LOSSES)], gradients),
        "moments": _moments(runs["run"]),
    }


def _moments(run: RunDir) -> list[list[str]]:
    log = log_of(run)
    rows = []
    for snapshot in moments(run):
        record = record_at(log, snapshot.kimg)
        figures = [f"{record[name]:{form}}" if snapshot.kimg else "–" for name, (_, form) in OF_A_MOMENT.items()]
        rows.append([f"{snapshot.kimg:.0f}", *figures, f"{snapshot.verdicts.fooled}" if snapshot.verdicts else "–"])
    titles = [title for title, _ in OF_A_MOMENT.values()]
    return _table(["kimg", *titles, "of 64 fakes taken for real"], rows)


def _table(head: list[str], rows: list[list[str]]) -> list[list[str]]:
    return [head, ["---:"] * len(head), *rows]


def words(runs: Mapping[str, RunDir]) -> dict[str, str]:
    """Return the figures and messages for the placeholders in the page's sentences."""
    run, model = runs["run"], ganzoo.create_model(RECIPE)
    facts, log, verdicts = read_facts(run), log_of(run), moments(run)[-1].verdicts
    assert verdicts is not None
    first, last, batch = log[0], log[-1], facts.number("loop.batch") or 1
    collapsed = finding(runs["collapsed"], "Mode collapse suspected")
    plain = log_of(runs["plain"])
    minimax, kept = (log_of(runs[name]) for name in LOSSES)
    ratios = [b["gradient_generator"] / a["gradient_generator"] for a, b in zip(minimax, kept, strict=True)]
    few = finding(runs["few"], "Little variety yet")
    vanished = finding(runs["minimax"], "The discriminator is too strong")
    return {
        **{f"{name.replace('-', '_')}_command": shlex.join(["ganzoo", "run", *RUNS[name]]) for name in RUNS},
        "latent_dim": f"{model.generator.latent_dim}",
        "generator_weights": f"{sum(weights.numel() for weights in model.generator.parameters()):,}",
        "discriminator_weights": f"{sum(weights.numel() for weights in model.discriminator.parameters()):,}",
        "minutes": f"{last['seconds'] / 60:.0f}",
        "batch": f"{batch:g}",
        "rounds": f"{round(1000 * facts.kimg / batch):,}",
        "more_training": f"{PUBLISHED / facts.kimg:.0f}",
        "loss_d_first": f"{first['loss_discriminator']:.2f}",
        "loss_d_last": f"{last['loss_discriminator']:.2f}",
        "loss_g_first": f"{first['loss_generator']:.2f}",
        "loss_g_last": f"{last['loss_generator']:.2f}",
        "first_kimg": f"{first['kimg']:.0f}",
        "accuracy_real_first": f"{first['accuracy_real']:.0%}",
        "accuracy_fake_first": f"{first['accuracy_fake']:.0%}",
        "auc_least": f"{min(record['auc'] for record in log):.2f}",
        "auc_most": f"{max(record['auc'] for record in log):.2f}",
        "auc_last": f"{last['auc']:.2f}",
        "auc_last_percent": f"{last['auc']:.0%}",
        "plain_auc_first": f"{plain[0]['auc']:.2f}",
        "plain_auc_least": f"{min(record['auc'] for record in plain):.2f}",
        "plain_auc_last": f"{plain[-1]['auc']:.2f}",
        "right_last": f"{(last['accuracy_real'] + last['accuracy_fake']) / 2:.0%}",
        "fooled_last": f"{verdicts.fooled}",
        "collapse_title": collapsed.title,
        "collapse_why": collapsed.why,
        "collapse_advice": f"{collapsed.advice} `{shlex.split(collapsed.command)[-1]}`",
        "few_title": few.title,
        "few_why": few.why,
        "vanished_title": vanished.title,
        "vanished_why": vanished.why,
        "least_ratio": f"{min(ratios):.0f}",
        "most_ratio": f"{max(ratios):.0f}",
    }


def finding(run: RunDir, title: str) -> Finding:
    """Return the report's finding with this title. Exits with a message if the report has no such finding."""
    found = {one.title: one for one in diagnose(read_facts(run), read_story(run))}
    if title not in found:
        said = "; ".join(found)
        sys.exit(f"{run.path}: the report says {said}, the lesson needs {title!r}; change its settings in RUNS")
    return found[title]


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/lesson"))
