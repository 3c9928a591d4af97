"""A shell script that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from ganzoo.runs.changes import change_in_words, read_changes
from ganzoo.runs.reader import Facts
from ganzoo.runs.reproduce import install_command, plugin_options
from ganzoo.utils.files import one_line
from ganzoo_report.advice import initial_run


def script(facts: Facts) -> str:
    """Return a shell script with the versions, the whole configuration and the command.

    Comments name the device and the data of the run.
    """
    noted = facts.provenance
    data = noted.get("data")
    data = data if isinstance(data, Mapping) else {}
    about = {
        "python": noted.get("python"),
        "device": noted.get("device"),
        "threads": noted.get("threads"),
        "precision": noted.get("precision"),
        "ganzoo's commit": noted.get("git_commit"),
        "data": data.get("name") or facts.setting("data.name"),
        "data's fingerprint": data.get("fingerprint"),
    }
    comments = [f"# {name}: {one_line(str(value))}" for name, value in about.items() if value is not None]
    end = "END"
    while end in facts.config_text:  # no line of the configuration may equal the end marker
        end += "_"
    versions = dict(_versions(noted))
    files = plugin_options(versions)
    if files:
        comments.append("# the directory plugins/ of the run holds what --plugin names")
    if source := initial_run(facts):
        files = ["--init-from", source, *files]
        comments.append("# --init-from takes the newest checkpoint of today; the run took the newest one at its start")
    comments += [
        f"# changed during the run, and not repeated here: {change_in_words(change)}" for change in read_changes(noted)
    ]
    lines = [
        f"# {one_line(facts.recipe)}",
        *comments,
        *([install_command(versions)] if versions else []),
        f"cat > config.yaml <<'{end}'",
        facts.config_text.rstrip("\n"),
        end,
        shlex.join(["ganzoo", "run", "--config", "config.yaml", *files]),
    ]
    return "\n".join(lines) + "\n"


def _versions(noted: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the names and versions of ganzoo, its libraries and the plugins."""
    from ganzoo.runs.provenance import ABSENT

    for group in ("versions", "plugins"):
        found = noted.get(group)
        for name, version in found.items() if isinstance(found, Mapping) else ():
            if version and version != ABSENT:
                yield one_line(str(name)), one_line(str(version))
