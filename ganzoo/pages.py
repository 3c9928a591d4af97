"""What every page that needs no network is made of: escaped text, data, the charts' libraries."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from typing import Any

from ganzoo.errors import GanzooError

MISSING = "the page needs Altair: pip install 'ganzoo[report]', then run this again"


def text(content: object) -> str:
    """Anything, as text and never as markup, in an element or between quotes."""
    return html.escape(" ".join(str(content).split()))


def as_json(content: Any) -> str:
    """JSON that cannot end the script element it stands in. Raises ValueError for numbers that are not finite."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def asset(package: str, name: str) -> str:
    """A file of a package's ``assets``."""
    return (files(package) / "assets" / name).read_text(encoding="utf-8")


def libraries() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script that needs no network. Raises GanzooError where it is missing."""
    try:
        import vl_convert
    except ImportError as error:
        raise GanzooError(MISSING) from error
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")
