"""Render pages that need no network: escaping templates, their styles and scripts, and the charts' libraries."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LIBRARIES = ("vega", "vega-lite", "vega-embed")  # each needs those before it


def render(template: str, **values: Any) -> Markup:
    """Fill in a template, which is named ``package/file`` after a file in the package's ``assets``.

    Values are text, not markup, unless they come from :func:`trusted` or :func:`render`; in text each run of blanks
    becomes one blank. Raises ValueError for numbers in ``tojson`` that are not finite.
    """
    return trusted(_environment().get_template(template).render(values))


def trusted(markup: str) -> Markup:
    """Mark a text as the program's own markup, in which untrusted content is already escaped."""
    from markupsafe import Markup

    return Markup(markup)  # noqa: S704


def asset(package: str, name: str) -> str:
    """Return the text of a file in a package's ``assets``."""
    return (files(package) / "assets" / name).read_text(encoding="utf-8")


def libraries() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that needs no network."""
    return "\n".join(asset("ganzoo", f"vendor/{name}.js") for name in LIBRARIES)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import escape

    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_one_blank,
        loader=FunctionLoader(_source),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    made.filters["keep_blanks"] = escape
    made.globals["asset"] = lambda name: trusted(_source(name))
    return made


def _source(name: str) -> str:
    return asset(*name.split("/"))


def _one_blank(value: Any) -> Any:
    """Collapse each run of blanks and line breaks to one blank, except in markup."""
    return value if hasattr(value, "__html__") else " ".join(str(value).split())
