"use strict";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Vega's own colours fit a white page: these follow the page's.
function theme() {
  const [ink, quiet, line] = ["ink", "quiet", "line"].map(colour);
  const words = { labelColor: ink, titleColor: quiet };
  return {
    background: "transparent", font: "system-ui, DejaVu Sans, sans-serif", view: { stroke: line }, text: { color: ink },
    axis: { ...words, gridColor: line, domainColor: line, tickColor: line },
    legend: { ...words, layout: { bottom: { direction: "vertical" } } }, // of several, one below the other
    params: ["quiet", "bad"].map((name) => ({ name, value: colour(name) || ink })),
  };
}

// Gives each legend as many columns as fit into a width, in pixels: Vega cuts what does not.
function fitLegends(spec, data, width) {
  const room = width - 70; // without the vertical axis
  for (const { encoding = {} } of spec.layer ?? [spec]) {
    for (const { field, legend } of Object.values(encoding)) {
      if (!legend) continue;
      const longest = Math.max(0, ...data.map((row) => String(row[field]).length));
      legend.labelLimit = Math.max(60, Math.min(260, room - 40));
      legend.columns = Math.max(1, Math.floor(room / (Math.min(6 * longest, legend.labelLimit) + 40)));
    }
  }
}

// Draws a chart after the previous drawing; target.drawn resolves when it is drawn. own: the page's configuration.
function drawChart(target, spec, datasets, own) {
  target.drawn = (target.drawn ?? Promise.resolve()).then(async () => {
    target.view?.finalize();
    fitLegends(spec, datasets[spec.data.name], target.clientWidth);
    const options = { mode: "vega-lite", actions: false, renderer: "svg", config: vega.mergeConfig(theme(), own) };
    ({ view: target.view } = await vegaEmbed(target, { ...spec, datasets }, options));
  });
}

// Draws anew when the colours change, or the width, which decides about the columns of a legend.
function redrawOnChange(draw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let [width, waiting] = [innerWidth, 0];
  addEventListener("resize", () => {
    clearTimeout(waiting);
    if (innerWidth !== width) waiting = setTimeout(() => { width = innerWidth; draw(); }, 200);
  });
}
