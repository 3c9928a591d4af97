"""List known vulnerabilities of the installed distributions with pip-audit, one per line. Exits with 1 if any is found.

If pip-audit gives no result, for example because its service cannot be reached, or the service knows none of the
distributions, the script prints one line that says so and exits with 0.
"""

from __future__ import annotations

import json
import subprocess
import sys

LIMIT = 300  # seconds in total; each request may take ten
AUDIT = ["-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "--timeout", "10", "--format", "json"]


def main() -> int:
    try:
        done = subprocess.run([sys.executable, *AUDIT, *sys.argv[1:]], capture_output=True, text=True, timeout=LIMIT)
        found = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        print(f"not audited: no answer within {LIMIT} seconds")
        return 0
    except (ValueError, KeyError):
        said = done.stderr.strip().splitlines() or ["no reason given"]
        print(f"not audited: {said[-1][:200]}")
        return 0
    audited = [one for one in found if "vulns" in one]
    known = [(one, vulnerability) for one in audited for vulnerability in one["vulns"]]
    for one, vulnerability in known:
        fixed = ", ".join(vulnerability["fix_versions"]) or "none yet"
        print(f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in: {fixed}")
    if not audited:
        print(f"not audited: the service knows none of the {len(found)} distributions")
    else:
        print(f"{len(audited)} of {len(found)} distributions audited, {len(known)} known vulnerabilities")
    return int(bool(known))


if __name__ == "__main__":
    sys.exit(main())
