"use strict";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Vega's own colours fit a white page: these follow the page's.
function theme() {
  const [ink, quiet, line] = ["ink", "quiet", "line"].map(colour);
  const words = { labelColor: ink, titleColor: quiet };
  return {
    background: "transparent", font: "system-ui, DejaVu Sans, sans-serif", view: { stroke: line }, text: { color: ink },
    axis: { ...words, gridColor: line, domainColor: line, tickColor: line }, legend: { ...words },
    params: ["quiet", "bad"].map((name) => ({ name, value: colour(name) || ink })),
  };
}

// Draws a chart when the drawing before it has ended; target.drawn resolves when it stands. own: configuration of the page.
function drawChart(target, spec, datasets, own) {
  target.drawn = (target.drawn ?? Promise.resolve()).then(async () => {
    target.view?.finalize();
    const options = { mode: "vega-lite", actions: false, renderer: "svg", config: vega.mergeConfig(theme(), own) };
    ({ view: target.view } = await vegaEmbed(target, { ...spec, datasets }, options));
  });
}
