"""The model card of a published run: its images, its score with the protocol, how to use it and how to repeat it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

import ganzoo
from ganzoo.config.schema import Config
from ganzoo.entries import ImageSpec
from ganzoo.runs.by_class import read_by_class
from ganzoo.runs.changes import change_in_words, read_changes
from ganzoo.runs.publish import BEGUN_FROM
from ganzoo.runs.reproduce import install_command, public_name
from ganzoo.runs.requirements import Need
from ganzoo.utils.files import one_line
from ganzoo.utils.markdown import code, table, text_cell

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TASK = "unconditional-image-generation"
BY_CLASS_TASK = "class-conditional-image-generation"  # not a task of the hub, so it is a tag
ORIGIN = ("seed", "data", "device", "threads", "precision", "python", "platform", "versions", "git_commit")
COLUMNS = 8  # columns of the grid of samples, and also its rows


@dataclass(frozen=True)
class Facts:
    """The facts on the card. ``score`` has ``values`` and ``protocol``, or is empty; ``origin`` is the provenance.

    conditional: whether the generator reads the class. class_names: in the order of the labels; () if unknown.
    """

    address: str
    config: Config
    image: ImageSpec
    shown: int
    needs: tuple[Need, ...]
    score: Mapping[str, Any]
    origin: Mapping[str, Any]
    repeat: str
    samples: str
    conditional: bool = False
    class_names: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """The model's task, in the hub's terms."""
        return BY_CLASS_TASK if self.conditional else TASK

    @property
    def budget(self) -> int:
        """The number of images that the run's configuration asks for."""
        return self.config.values.loop.images

    @property
    def caveats(self) -> list[str]:
        """The warnings that a reader needs before the figures, one sentence each."""
        found = []
        if self.shown < self.budget:
            found.append(f"Unfinished: trained on {self.shown / 1000:g} of {self.budget / 1000:g} kimg.")
        if not self.score:
            found.append("Not scored.")
        elif self.score["protocol"].get("demonstration"):
            found.append("Scored against the images it was trained on: a demonstration, not to be compared.")
        elif self.score["protocol"].get("training_images"):
            found.append("Scored against the images it was trained on.")
        if self.origin.get(BEGUN_FROM):
            found.append("Begun with the weights of another run, which the command below does not repeat.")
        if marks := self.config.marks:
            found.append(f"Marked: {'; '.join(marks)}.")
        if changes := read_changes(self.origin):
            found.append(f"Settings changed during training: {'; '.join(map(change_in_words, changes))}.")
        return found


def write_card(facts: Facts) -> str:
    """Return the whole README.md, front matter first."""
    recipe, data = facts.config.recipe, public_name(facts.config.values.data.name)
    size, channels = facts.image.size, {1: "grey", 3: "colour"}[facts.image.channels]
    lines = [
        "---",
        # One line per value: a wrapped value could end the front matter.
        yaml.safe_dump(_front(facts), sort_keys=False, width=math.inf).rstrip(),
        "---",
        "",
        f"# {text_cell(facts.address.rpartition('/')[2])}",
        "",
        f"A GAN that makes images like those of {code(data)}, {size}x{size} pixels, {channels}. "
        f"It is {code(str(recipe))} of ganzoo, trained for {facts.shown / 1000:g} kimg (thousands of images shown).",
        "",
        *(f"**{text_cell(caveat)}**\n" for caveat in facts.caveats),
        *_classes(facts),
        f"![{COLUMNS**2} images, none chosen]({facts.samples})",
        "",
        "These images again, or others with another seed:",
        "",
        f"    {install_command({'ganzoo': ganzoo.__version__} | {n.distribution: n.version for n in facts.needs})}",
        f"    ganzoo sample {facts.address} -n {COLUMNS**2} --seed 0 --out samples.png",
        *([f"    ganzoo sample {facts.address} --per-class {COLUMNS} --out classes.png"] if facts.conditional else []),
        "",
        *_score(facts.score),
        *_training(facts),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _classes(facts: Facts) -> Iterator[str]:
    """Yield the lines about the classes that a conditional generator draws."""
    if not facts.conditional:
        return
    names = "; ".join(f"{label} {text_cell(name)}" for label, name in enumerate(facts.class_names))
    yield f"It is class-conditional: it draws the class that you name, one of {facts.image.classes}" + (
        f": {names}." if names else f", numbered 0 to {facts.image.classes - 1}."
    )
    yield ""


def _front(facts: Facts) -> dict[str, Any]:
    """Return the hub's metadata: the task, the model's parts as tags, its scores."""
    from huggingface_hub import ModelCardData

    parts = (one_line(part.name) for part in facts.config.recipe.parts)
    results = list(_results(facts)) or None
    return ModelCardData(
        library_name="ganzoo",
        pipeline_tag=None if facts.conditional else TASK,
        tags=["gan", "ganzoo", *(["class-conditional", BY_CLASS_TASK] if facts.conditional else []), *parts],
        model_name=one_line(facts.address.rpartition("/")[2]) if results else None,
        eval_results=results,
    ).to_dict()


def _results(facts: Facts) -> Iterator[EvalResult]:
    """Yield each value of the score, with the protocol it depends on."""
    from huggingface_hub import EvalResult

    protocol = facts.score.get("protocol", {})
    against = one_line(str(protocol.get("reference") or public_name(facts.config.values.data.name)))
    plain = {one_line(name): value for name, value in protocol.items() if isinstance(value, (str, int, float))}
    for name, value in facts.score.get("values", {}).items():
        yield EvalResult(
            task_type=facts.task,
            dataset_type=against,
            dataset_name=against,
            dataset_split=one_line(str(protocol["split"])) if "split" in protocol else None,
            metric_type=one_line(name),
            metric_value=value,
            metric_name=f"{one_line(name)}, a demonstration" if protocol.get("demonstration") else None,
            metric_args={key: one_line(value) if isinstance(value, str) else value for key, value in plain.items()},
        )


def _score(score: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Score", "")
    if not score:
        yield from ("The generator was not scored.", "")
        return
    yield from table(["score", "value"], ([code(name), f"{value:.6g}"] for name, value in score["values"].items()))
    by_class = read_by_class(score)
    if classes := list(dict.fromkeys(name for figures in by_class.values() for name in figures)):
        rows = ([text_cell(name), *(_figure(figures.get(name)) for figures in by_class.values())] for name in classes)
        yield from ("", *table(["class", *map(code, by_class)], rows))
    yield from ("", "Comparable only with scores under the same protocol:", "")
    yield from table(["protocol", ""], ([_words(name), _value(value)] for name, value in score["protocol"].items()))
    yield ""


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _training(facts: Facts) -> Iterator[str]:
    yield from ("## Training", "", f"    {one_line(facts.repeat)}", "")
    entries = (*facts.config.recipe.parts, facts.config.dataset)
    papers = {(entry.kind, entry.name.rpartition(":")[2]): entry.paper for entry in entries}
    rows = (
        [need.kind, code(need.name), text_cell(f"{need.distribution} {need.version}"),
         text_cell(papers.get((need.kind, need.name), ""))]
        for need in facts.needs
    )  # fmt: skip
    yield from table(["part", "name", "from", "paper"], rows)
    origin = {name: value for name, value in facts.origin.items() if name in ORIGIN and value is not None}
    if origin:
        yield ""
        yield from table(["origin", ""], ([_words(name), _value(value)] for name, value in origin.items()))


def _words(name: str) -> str:
    return text_cell(name.replace("_", " "))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{text_cell(str(name))}: {_value(inner)}" for name, inner in value.items()) or "none"
    return text_cell(value if isinstance(value, str) else json.dumps(value))
