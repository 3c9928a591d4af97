"""The commands on the pages of the documentation."""

from __future__ import annotations

import re
import shlex

FENCE = re.compile(r"(<!-- not run: \S.*? -->\n)?^ *```(?:sh|bash)\n(.*?)^ *```", re.DOTALL | re.M)
SEPARATORS = {"&&", "||", "|", ";", ">", "2>"}


def commands_of(text: str) -> list[list[str]]:
    """Return the arguments of each ``ganzoo`` command in the fenced blocks, except in blocks marked ``not run``."""
    found: list[list[str]] = []
    for mark, block in FENCE.findall(text):
        for line in [] if mark else block.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), ";"]:
                if word not in SEPARATORS:
                    words.append(word)
                    continue
                while words and re.match(r"[A-Z_]+=", words[0]):
                    del words[0]
                if words and words[0] == "ganzoo":
                    found.append(words[1:])
                words = []
    return found
