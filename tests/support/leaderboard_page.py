"""A leaderboard of a few records, and its page in a browser."""

from __future__ import annotations

import re
from pathlib import Path

from ganzoo.bench.leaderboard.report import write_report
from support.bench_records import make_record, protocol, write_records

PUBLISHED = Path(__file__).parents[2] / "benchmarks/published.json"
H100 = {"kind": "NVIDIA H100", "device": "a GPU"}
EVIL = '<img src="https://example.com/x.png" onerror="window.evil = 1">'


def write_leaderboard(directory: Path) -> Path:
    """Write a page of two data sets, four protocols, two budgets and three machines, with a failed and a malicious row.

    The machines are a CPU, the same CPU with two runs at a time, and a GPU.
    """
    cifar = protocol(reference="cifar10", split="train", real_pictures=50000, fake_pictures=50000)
    records = [
        *(make_record(fid=fid, seed=seed, curve=True) for seed, fid in enumerate((20.0, 24.0))),
        make_record("mlp+minimax", fid=60.0, minutes=4.0, curve=True),
        make_record("stylegan-lite+wgan-gp", failed="the loss is not finite"),
        make_record("dcgan+wgan-gp", fid=9.0, budget=10.0, minutes=10.0, curve=True),
        make_record("stylegan-lite+minimax", fid=30.0, hardware={"side_by_side": 2}, curve=True),
        make_record("dcgan+wgan-gp", fid=11.0, seed=1, budget=10.0, minutes=2.0, hardware=H100, curve=True),
        make_record(f"{EVIL}+{EVIL}", fid=70.0, minutes=4.5, marks=[EVIL], curve=True),
        make_record("dcgan+minimax", fid=15.0, fakes=10000, minutes=1.0, hardware=H100),
        make_record("dcgan+minimax", fid=40.0, data="cifar10", protocol=cifar),
    ]
    write_records(directory / "results", records, samples=True)
    older = [make_record("mlp+minimax", fid=90.0, fakes=500, seed=seed, curve=True) for seed in range(2)]
    write_records(directory / "results/older", [*older, make_record(fid=33.0, fakes=500, curve=True)], samples=True)
    write_report(directory / "results", directory / "LEADERBOARD.md", directory / "leaderboard.html", PUBLISHED)
    return directory / "leaderboard.html"


class Opened:
    """A page in a browser, with its console messages and errors in ``said`` and its requests in ``asked``."""

    def __init__(self, browser, file, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)  # a page takes long on a busy machine
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        self.settle()

    def settle(self):
        """Wait until all charts are drawn."""
        self.page.evaluate("() => Promise.all([...document.querySelectorAll('.chart')].map((chart) => chart.drawn))")

    def choose(self, label: str, option: str):
        self.page.get_by_label(label, exact=True).select_option(option)
        self.settle()

    def section(self, protocol: str):
        return self.page.locator("section.group", has=self.page.get_by_text(re.compile(f"^{protocol}")))

    def recipes(self, protocol: str = "2,000 generated"):
        rows = self.section(protocol).locator("tr[data-id]:visible > th .part:first-child")
        return [text.strip() for text in rows.all_inner_texts()]

    def column(self, number: int, protocol: str = "2,000 generated"):
        cells = self.section(protocol).locator(f".scroll > table > tbody > tr:visible > :nth-child({number})")
        return [cell.get_attribute("data-value") for cell in cells.all()]
