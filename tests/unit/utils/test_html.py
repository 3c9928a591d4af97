"""The scripts that draw a page's charts: they are unchanged, have their licences and do not break the page."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

from ganzoo.utils.html import LIBRARIES, libraries

VENDOR = files("ganzoo") / "assets/vendor"


def test_each_library_is_the_file_whose_checksum_the_table_has():
    table = dict(re.findall(r"^\| `([\w.-]+)` \|.*\| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.M))
    assert table == {
        f"{name}.js": hashlib.sha256((VENDOR / f"{name}.js").read_bytes()).hexdigest() for name in LIBRARIES
    }


def test_every_package_in_the_libraries_has_its_licence():
    licences = (VENDOR / "LICENSES.txt").read_text(encoding="utf-8")
    for package in ("vega", "vega-lite", "vega-embed", "vega-tooltip", "vega-themes", "d3-array", "delaunator"):
        assert re.search(rf"^{package} \d", licences, re.M), package
    assert licences.count("Copyright") >= 10


def test_the_libraries_stay_inside_their_element_and_ask_for_no_file():
    script = libraries()
    assert not re.search(r"</script|<!--", script, re.IGNORECASE)
    assert "sourceMappingURL" not in script
