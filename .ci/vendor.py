"""Download the scripts that draw charts from npm into ganzoo/assets/vendor, with their licences and checksums.

To update them, change VERSIONS, run `python .ci/vendor.py` and the tests marked `browser`, and look at the pages.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSIONS = {"vega": "6.4.0", "vega-lite": "6.5.0", "vega-embed": "7.3.0"}
VENDOR = Path(__file__).parents[1] / "ganzoo/assets/vendor"
INSTALL = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
UNFIT = re.compile(r"</script|<!--|sourceMappingURL", re.IGNORECASE)
README = """\
These scripts draw the charts of reports and of the leaderboard. Only their last line was removed, which named a source
map. `LICENSES.txt` has the licences of all packages that npm installs with them.

| file | from npm | there | sha256 |
| --- | --- | --- | --- |
{rows}

`python .ci/vendor.py` fetches the versions that it names and writes this directory.
"""


def main() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not on the PATH; install Node.js")
    VENDOR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        wanted = [f"{name}@{version}" for name, version in VERSIONS.items()]
        subprocess.run([npm, *INSTALL, "--prefix", directory, *wanted], check=True)
        modules = Path(directory) / "node_modules"
        rows = [fetch(modules, name, version) for name, version in VERSIONS.items()]
        (VENDOR / "LICENSES.txt").write_text(licences(modules), encoding="utf-8")
    (VENDOR / "README.md").write_text(README.format(rows="\n".join(rows)), encoding="utf-8")


def fetch(modules: Path, name: str, version: str) -> str:
    """Copy the script of a package. Return its row of the README's table.

    Raises SystemExit if the script contains text that cannot be embedded in a page.
    """
    place = f"build/{name}.min.js"
    built = (modules / name / place).read_text(encoding="utf-8")
    script = re.sub(r"\s*//# sourceMappingURL=\S+\s*\Z", "\n", built)
    if found := UNFIT.search(script):
        raise SystemExit(f"{name} {version} contains {found[0]}, so it cannot stand inside a page")
    (VENDOR / f"{name}.js").write_text(script, encoding="utf-8")
    digest = hashlib.sha256(script.encode()).hexdigest()
    return f"| `{name}.js` | {name} {version} | `{place}` | `{digest}` |"


def licences(modules: Path) -> str:
    """Return each licence text once, below the names of its packages. Raises SystemExit if a package has no licence."""
    found: dict[str, list[str]] = {}
    lock = json.loads((modules / ".package-lock.json").read_text(encoding="utf-8"))
    for place, about in sorted(lock["packages"].items()):
        package = modules.parent / place
        texts = sorted(file for file in package.iterdir() if re.match(r"licen[cs]e", file.name, re.IGNORECASE))
        if not texts:
            raise SystemExit(f"{place} {about['version']} has no licence file")
        name = place.rpartition("node_modules/")[2]
        found.setdefault(texts[0].read_text(encoding="utf-8").strip(), []).append(f"{name} {about['version']}")
    rule = "-" * 80
    return f"\n{rule}\n".join("\n".join(names) + f"\n\n{text}\n" for text, names in found.items())


if __name__ == "__main__":
    main()
