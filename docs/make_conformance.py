"""Write ``docs/conformance.md`` from the docstrings of the checks: ``python docs/make_conformance.py``."""

from __future__ import annotations

from pathlib import Path

from ganzoo.testing.conformance import CHECKS

FILE = Path(__file__).with_name("conformance.md")
HEAD = """\
# The conformance kit

Written by `python docs/make_conformance.py` from the checks.

`ganzoo plugins check DISTRIBUTION` or `ganzoo plugins check FILE.py` checks every part that a plugin registers. The
kit combines each part with the smallest parts that train. It uses the part's default parameters, or those of `--set
KEY=VALUE`, such as `--set generator.width=8`. For a data set that is written `NAME:PATH`, `--location PATH` names
images to check it with; without them only its registration is checked. `--set data.options.KEY=VALUE` sets its
parameters. In a distribution's own tests the fixture `ganzoo_check` makes a test of each check
(`help(ganzoo.testing)`). Each failure is one line; [Common plugin mistakes](breaking.md) shows them.

The entry of a part decides what it is combined with:

- `conditional = "required"`: images with classes, and labels in every call. `needs=Needs(labels=True)`, or a class head
  in `needs.outputs`: the same, with networks that require labels.
- `needs.outputs`: a discriminator that gives "classes" and any feature that is named, `(N, 8)`.
- `network="both"`: a penalty is tried in both steps, as `inputs.step_of` says; in the generator's step there are no
  `real_outputs`.
- `patches=True`: logits `(N, 4, 4)` beside `(N,)`.
- `captured=False`, or no `captured=True` for an optimizer: its steps need not be recorded.

Four of the checks that train need an explanation. `resumes` saves the whole state of a run, goes on, loads the state
into new objects and compares the weights bit for bit; it names a number or tensor that is not a buffer. `devices`
compares one device with two that share the batch, simulated in threads. `one_device` follows each tensor from where
it is made: without `device=` it lies on the CPU, and a GPU refuses to combine it with the others. `capture_safe`
records a step, as a CUDA graph does, and replays it.

"""


def page() -> str:
    """Return the content of ``conformance.md``."""
    sections = []
    for kind, checks in CHECKS.items():
        rows = "\n".join(f"| `{check.__name__}` | {_first_line(check.__doc__)} |" for check in checks)
        sections.append(f"## {kind}\n\n| check | what holds |\n| --- | --- |\n{rows}\n")
    return HEAD + "\n".join(sections)


def _first_line(text: str | None) -> str:
    """Return the first line of a check's docstring as a statement: without its "Check that"."""
    line = (text or "").strip().partition("\n")[0].removeprefix("Check that ").replace("and that ", "and ")
    return (line[:1].upper() + line[1:]).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
