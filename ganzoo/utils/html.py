"""What every page that needs no network is made of: escaped text, data, the charts' libraries."""

from __future__ import annotations

import contextlib
import html
import json
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from ganzoo.errors import GanzooError, WriteFailed
from ganzoo.utils.files import data_root, write_shared

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


def palette() -> str:
    """The colours of every page, light and dark, as CSS variables."""
    return asset("ganzoo", "palette.css")


def copying() -> str:
    """The script behind every copy button."""
    return asset("ganzoo", "copy.js")


def libraries() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script that needs no network. Raises GanzooError where it is missing.

    Bundling takes seconds, so the script is kept beside the data sets' caches.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise GanzooError(MISSING) from error
    kept = data_root(None) / "pages" / f"vega-{version('vl-convert-python')}.js"
    try:
        return kept.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        script = bundle.replace("</script", "<\\/script")
    with contextlib.suppress(WriteFailed):
        write_shared(kept, lambda stream: stream.write(script.encode()))
    return script
