"""Helpers for tests that open pages in a browser."""

from __future__ import annotations

# A script that returns the texts with a contrast below 4.5, the minimum of WCAG 2.1, 1.4.3.
CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!colour.endsWith(", 0)")) return parse(colour);
    }
  };
  const low = [];
  const all = "h1, h2, h3, h4, p, span, small, button, a, label, pre, th, td, caption";
  for (const one of document.querySelectorAll(all)) {
    if (!one.textContent.trim() || !one.offsetParent) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${one.tagName} ${one.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return low;
}"""


def settle(page) -> None:
    """Wait until all charts of a page are drawn."""
    page.evaluate("() => Promise.all([...document.querySelectorAll('.chart')].map((chart) => chart.drawn))")
