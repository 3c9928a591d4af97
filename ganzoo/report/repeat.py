"""All that repeats a run, as one script."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from ganzoo.report.facts import Facts
from ganzoo.textfiles import one_line


def script(facts: Facts) -> str:
    """Shell: versions, the whole configuration, the command. What it was trained on stands in comments."""
    noted = facts.provenance
    data = noted.get("data")
    data = data if isinstance(data, Mapping) else {}
    about = {
        "python": noted.get("python"),
        "device": noted.get("device"),
        "threads": noted.get("threads"),
        "ganzoo's commit": noted.get("git_commit"),
        "data": data.get("name") or facts.setting("data.name"),
        "data's fingerprint": data.get("fingerprint"),
    }
    comments = [f"# {name}: {one_line(str(value))}" for name, value in about.items() if value is not None]
    end = "END"
    while end in facts.config_text:  # a line of the file must not end it
        end += "_"
    lines = [
        f"# {one_line(facts.recipe)}",
        *comments,
        *_install(noted),
        f"cat > config.yaml <<'{end}'",
        facts.config_text.rstrip("\n"),
        end,
        "ganzoo run --config config.yaml",
    ]
    return "\n".join(lines) + "\n"


def _install(noted: Mapping[str, object]) -> list[str]:
    versions: dict[str, str] = {}
    for group in ("versions", "plugins"):
        found = noted.get(group)
        for name, version in found.items() if isinstance(found, Mapping) else ():
            if version and version != "not installed":
                versions[str(name)] = str(version)
    wanted = [shlex.quote(one_line(f"{name}=={version}")) for name, version in versions.items()]
    return [" ".join(["pip install", *wanted])] if wanted else []
