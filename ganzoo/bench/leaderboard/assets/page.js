"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
const rows = JSON.parse(document.getElementById("rows").textContent);
const form = document.getElementById("filters");
const older = document.getElementById("older");
const groups = [...document.querySelectorAll("section.group")];

// Filters hide rows; what they leave is what the charts draw.
function passes(element) {
  return [...form.querySelectorAll("select")].every(({ name, value }) =>
    value === "" || element.dataset[name] === undefined || element.dataset[name] === value);
}

function filter() {
  let shown = 0;
  for (const group of groups) {
    const own = [...group.querySelectorAll("tr[data-id]")];
    for (const row of group.querySelectorAll("tbody tr")) row.hidden = !passes(row);
    const visible = own.filter((row) => !row.hidden);
    shown += visible.length;
    group.hidden = visible.length === 0;
    if (!group.hidden && !group.closest("details:not([open])")) draw(group, visible.map((row) => rows[row.dataset.id]));
  }
  if (older) older.hidden = groups.every((group) => group.hidden || !older.contains(group));
  const elsewhere = document.querySelectorAll("#elsewhere tbody tr");
  for (const row of elsewhere) row.hidden = !passes(row);
  form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
}

// Vega's own colours fit a white page: these follow the page's.
function theme() {
  const css = getComputedStyle(document.documentElement);
  const [ink, quiet, line, bad] = ["--ink", "--quiet", "--line", "--bad"].map((name) => css.getPropertyValue(name).trim());
  const words = { labelColor: ink, titleColor: quiet };
  return {
    background: "transparent", font: "system-ui, DejaVu Sans, sans-serif",
    axis: { ...words, gridColor: line, domainColor: line, tickColor: line }, legend: { ...words, symbolBaseFillColor: ink },
    view: { stroke: line }, text: { color: ink },
    params: [{ name: "quiet", value: quiet }, { name: "bad", value: bad }],
  };
}

function draw(group, visible) {
  const curve = visible.flatMap(({ points, ...row }) => points.map((point) => ({ ...row, ...point })));
  for (const figure of group.querySelectorAll("figure")) {
    const choice = figure.querySelector("select");
    const spec = charts[group.dataset.score]?.[choice ? choice.value : figure.dataset.chart];
    if (!spec) continue;
    const datasets = { rows: visible, curve };
    const target = figure.querySelector(".chart");
    target.drawn = (target.drawn ?? Promise.resolve()).then(async () => {
      target.view?.finalize();
      const config = theme();
      const { view } = await vegaEmbed(target, { ...spec, datasets: { [spec.data.name]: datasets[spec.data.name] } },
        { actions: false, renderer: "svg", config });
      target.view = view;
    });
  }
}

// Sorting: what has no value stays last in either direction.
function sort(head) {
  const body = head.closest("table").tBodies[0];
  const column = head.cellIndex;
  const descending = head.ariaSort === "ascending";
  for (const other of head.parentElement.cells) if (other.ariaSort) other.ariaSort = "none";
  head.ariaSort = descending ? "descending" : "ascending";
  const key = (row) => row.cells[column]?.dataset.value ?? "";
  const compare = (a, b) => head.classList.contains("text") ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  const sorted = [...body.rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === "" || b === "") return (a === "") - (b === "");
    return descending ? compare(b, a) : compare(a, b);
  });
  body.append(...sorted);
}

function enlarge(button) {
  const [dialog, small] = [document.querySelector("dialog"), button.querySelector("img")];
  dialog.querySelector("img").src = small.src;
  dialog.querySelector("img").alt = dialog.querySelector("p").textContent = small.alt;
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches("th button")) sort(button.closest("th"));
  else if (button?.matches(".thumb")) enlarge(button);
  else if (event.target.matches("dialog")) event.target.close();
});
form.addEventListener("change", filter);
older?.addEventListener("toggle", filter); // a chart has no width before
form.addEventListener("reset", () => setTimeout(filter));
for (const choice of document.querySelectorAll("figure select")) choice.addEventListener("change", filter);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", filter);
filter();
