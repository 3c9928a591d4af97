"""Shared parts of the fuzz tests: the number of examples, the generated inputs, and the check of an error.

``GANZOO_FUZZ=5000 python -m pytest tests/fuzz`` tries 5,000 inputs in each test, different ones each time. Without
``GANZOO_FUZZ``, each test tries 24 inputs, the same ones each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ganzoo.errors import LONGEST, GanzooError

T = TypeVar("T")
EXAMPLES = int(os.environ.get("GANZOO_FUZZ", "0"))

settings.register_profile(
    "suite",
    deadline=None,
    derandomize=not EXAMPLES,
    max_examples=EXAMPLES or 24,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("suite")

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{', '.join(['*' + chr(97 + n)] * 9)}]}}\n" for n in range(12)
)
EVIL = [
    "${oc.env:GANZOO_SECRET}", "${${metrics.mode}:GANZOO_SECRET}", "${oc.env:GANZOO_SECRET,x}", "${seed}", "${recipe}",
    "${loop}", "${", "${}", "${a.b}", "${.seed}", "${..seed}", "\\${seed}", "\\\\${oc.env:GANZOO_SECRET}", "???", "",
    "${seed}${seed}", "${oc.decode:'1'}", "${oc.select:seed}", "\0", "\x1b[31m", "\u202e", "\ud800", "\U0001f600",
    "\udc80",
    "~", "~nobody-of-this-name/x", "../../etc/passwd", "/dev/null", "http://[", "a" * 300, "é\n\r\t", "{0..9}", "1e999",
    "9" * 5000, "0x" + "f" * 400, "1_000", "2020-99-99", "!!python/object/apply:os.system ['true']", "!!int ''",
    "!!binary x", "!!timestamp x", "!!set {a}", "&a [*a]", "*a", "<<", "=", "0b", "0o8", "1:2:3", "- - - -", "[" * 500,
    "{" * 500, "{a: 1, a: 2}", "? [a]\n: b", "--- a\n--- b", "%YAML 9.9\n---\na", BOMB, MERGES,
]  # fmt: skip

texts = st.one_of(st.sampled_from(EVIL), st.text(max_size=20), st.text(alphabet="${}.:,[]&*!\\ 'a\"-?\n", max_size=20))
numbers = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**53, 2**63 - 1, -(2**63), 2**64, 10**400, -1e308, 1e-320]),
    st.floats(allow_subnormal=False),  # an earlier run in this process may flush subnormals to 0
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
deep = st.integers(1, 3000).map(lambda depth: "[" * depth + "]" * depth)


def clean(call: Callable[..., T], *arguments: Any, **options: Any) -> T | None:
    """Return the result of a call, or None if it raises GanzooError.

    The message must be one printable line of fewer than 1,220 characters, without the secret.
    """
    try:
        return call(*arguments, **options)
    except GanzooError as error:
        said = str(error)
        assert said and said.isprintable() and len(said) < LONGEST + 20, said
        assert "s3cret" not in said
        return None


@st.composite
def changed(draw: st.DrawFn, valid: Any) -> Any:
    """Draw a copy of plain values with up to three values replaced, removed or added."""
    found: Any = json.loads(json.dumps(valid))
    for _ in range(draw(st.integers(0, 3))):
        node = found
        while isinstance(node, (dict, list)) and node:
            key = draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
            if not isinstance(node[key], (dict, list)) or not node[key] or draw(st.booleans()):
                break
            node = node[key]
        else:
            continue
        fate = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if fate == "replace":
            node[key] = draw(values)
        elif fate == "remove":
            del node[key]
        elif isinstance(node, dict):
            node[draw(texts)] = draw(values)
    return found


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a copy of bytes with one to four faults: changed, removed, inserted or repeated bytes, or an early end."""
    found = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(found) - 1)))
        size = draw(st.integers(1, 8))
        fate = draw(st.sampled_from(["flip", "set", "remove", "insert", "double", "cut"]))
        if fate == "flip" and found:
            found[place] ^= 1 << draw(st.integers(0, 7))
        elif fate == "set":
            found[place : place + size] = draw(st.sampled_from([b"\0", b"\xff", b"\x7f"])) * size
        elif fate == "remove":
            del found[place : place + size]
        elif fate == "insert":
            found[place:place] = draw(st.binary(max_size=8))
        elif fate == "double":
            found[place:place] = found[place : place + 64]
        else:
            del found[place:]
    return bytes(found)


def as_text(value: Any) -> str:
    """Return a value as JSON, in which incomplete characters are escaped."""
    return json.dumps(value)
