"""Count the operators of one training step, the cost of a small network if each operator takes about the same time.

    python benchmarks/speed/operators.py [--before COUNTS.json] [RECIPE...]

The script counts the aten operators that reach the device in one iteration of the loop of `ganzoo run`: a step of the
discriminator, a step of the generator, the EMA and the statistics, but not the logging. It counts each kind of step
after Adam's moments and other buffers have been created. Views and allocations are not counted because they run no
kernel. An operator on a list (`_foreach_*`, `_fused_adam_`) counts as one.

The count is made on the CPU, in bf16, with 32x32 grey images and the widths of `configs/bench/cifar10-gpu-5min.yaml`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pairs import save
from torch.utils._python_dispatch import TorchDispatchMode
from training import Work, our_loop

from ganzoo.training.cuda_graph import WARM_UP

RECIPES = ("dcgan+non-saturating", "dcgan+wgan-gp", "stylegan-lite+wgan-gp", "stylegan-lite+non-saturating+r1")
WIDTHS = ("generator.width=64", "discriminator.width=64")
SETTINGS = ("loop.device=cpu", "loop.precision=bf16", "data.size=32")
BATCH = 4  # the count does not depend on it
# These run no kernel, although their schema does not mark them as views.
FREE = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view"}


class Operators(TorchDispatchMode):
    """A dispatch mode that counts the operators that run a kernel, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        view = any(value.alias_info is not None and not value.alias_info.is_write for value in operator._schema.returns)
        name = operator._schema.name.removeprefix("aten::")
        free = view or name in FREE or torch.Tag.inplace_view in operator.tags or operator.namespace != "aten"
        if not free:
            self.counts[name] += 1
        return operator(*args, **(kwargs or {}))


def count_steps(iteration: Callable[[], object], kind: Callable[[], str]) -> dict[str, Counter[str]]:
    """Return the operators of one iteration of each kind, after a warm-up. kind: returns the next iteration's kind."""
    found: dict[str, Counter[str]] = {}
    done: Counter[str] = Counter()
    while not found or min(done.values()) <= WARM_UP:
        name = kind()
        with Operators() as operators:
            iteration()
        done[name] += 1
        found[name] = operators.counts
    return found


def count(recipe: str, settings: tuple[str, ...] = ()) -> dict[str, Counter[str]]:
    """Return the operators of one step of each kind: ``plain``, or ``with`` the names of the lazy penalties due."""
    with tempfile.TemporaryDirectory() as scratch:
        chosen = (*SETTINGS, *WIDTHS, f"loop.batch={BATCH}", *settings)
        loop = our_loop(Work(recipe, "fashion-10k", chosen), Path(scratch))

        def kind() -> str:
            lazy = [penalty for penalty in loop.model.penalties if penalty.interval > 1]
            steps = {"discriminator": loop.counters.steps_d, "generator": loop.counters.steps_g}
            due = [penalty.name for penalty in lazy if penalty.due(steps[penalty.network])]
            return " ".join(["with", *due]) if due else "plain"

        return count_steps(loop.iteration, kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--before", type=Path, help="counts of an earlier version, shown beside the new ones")
    parser.add_argument("--name", default="operators", help="of the table under results/")
    given = parser.parse_args()
    earlier = json.loads(given.before.read_text()) if given.before else {"rows": []}
    before = {(row["recipe"], row["step"]): row["operators"] for row in earlier["rows"]}
    rows, figures = [], []
    for recipe in given.recipes:
        for step, counts in sorted(count(recipe).items()):
            total, old = counts.total(), before.get((recipe, step))
            common = ", ".join(f"{name} {number}" for name, number in counts.most_common(5))
            shown = [str(old), f"{total}", f"{total / old:.2f}"] if old else ["", f"{total}", ""]
            rows.append([f"`{recipe}`", step, *shown, common])
            figures.append({"recipe": recipe, "step": step, "operators": total, "before": old, "by_name": counts})
    title = f"Operators a step, 32x32 grey, bf16, widths {' '.join(WIDTHS)}, torch {torch.__version__}"
    save(given.name, title, ("combination", "step", "before", "now", "ratio", "most often"), rows, {"rows": figures})


if __name__ == "__main__":
    main()
