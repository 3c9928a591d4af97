const charts = JSON.parse(document.getElementById("charts").textContent);
const entries = JSON.parse(document.getElementById("rows").textContent); // one for each machine of a row
const form = document.getElementById("filters");
const older = document.getElementById("older");
const groups = [...document.querySelectorAll("section.group")];

// Filters hide rows; what they leave is what the charts draw. A row of several machines has a hardware for each.
function passes(element) {
  return [...form.querySelectorAll("select")].every(({ name, value }) =>
    value === "" || element.dataset[name] === undefined || element.dataset[name].split("|").includes(value));
}

function filter() {
  let shown = 0;
  for (const group of groups) {
    const published = group.querySelector(".fold")?.ariaExpanded === "true";
    const own = [...group.querySelectorAll("tr[data-id]")];
    for (const row of own) {
      row.hidden = !passes(row);
      row.nextElementSibling.hidden = row.hidden || row.querySelector(".unfold").ariaExpanded !== "true";
    }
    for (const row of group.querySelectorAll("tr.published")) row.hidden = !published || !passes(row);
    for (const machine of group.querySelectorAll("[data-hardware]:not(tr[data-id])")) machine.hidden = !passes(machine);
    const visible = own.filter((row) => !row.hidden);
    shown += visible.length;
    group.hidden = visible.length === 0;
    if (group.hidden || group.closest("details:not([open])")) continue;
    const ids = new Set(visible.map((row) => Number(row.dataset.id)));
    draw(group, entries.filter(({ id, hardware }) => ids.has(id) && passes({ dataset: { hardware } })));
  }
  if (older) older.hidden = groups.every((group) => group.hidden || !older.contains(group));
  const elsewhere = document.querySelectorAll("#elsewhere tbody tr");
  for (const row of elsewhere) row.hidden = !passes(row);
  form.querySelector("output").textContent = `${shown} of ${document.querySelectorAll("tr[data-id]").length} rows`;
}

function unfold(button, open) {
  button.ariaExpanded = String(open);
  const row = button.closest("tr");
  if (row) row.nextElementSibling.hidden = !open;
  else filter();
}

// Shows and unfolds the row that a link leads to. If the filters hide it, they are reset.
function show(row) {
  if (!row?.matches("tr[data-id]")) return;
  if (row.hidden) form.reset();
  if (older?.contains(row)) older.open = true;
  unfold(row.querySelector(".unfold"), true);
  setTimeout(() => { filter(); row.scrollIntoView({ block: "center" }); });
}

// An axis from just below the least value to just above the greatest; by factors if the values lie far apart.
function axis(values) {
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  if (!values.length || !(least > 0 && greatest / least > 4)) {
    const room = (greatest - least) * 0.06 || Math.abs(greatest) * 0.06 || 1;
    const low = least >= 0 ? Math.max(0, least - room) : least - room;
    return { scale: values.length ? { domain: [low, greatest + room], nice: false, zero: false } : {}, axis: { tickCount: 7 } };
  }
  const domain = [least / 1.1, greatest * 1.1];
  const decades = Array.from({ length: 25 }, (_, place) => 10 ** (place - 12));
  const ticks = (steps) => decades.flatMap((decade) => steps.map((step) => Number((step * decade).toPrecision(2))))
    .filter((tick) => tick >= domain[0] && tick <= domain[1]);
  const few = ticks([1, 2, 5]);
  return { scale: { type: "log", domain, nice: false }, axis: { values: few.length > 3 ? few : ticks([1, 1.5, 2, 3, 4, 5, 6, 8]) } };
}

// Limits the scores of an axis to 1.5 times the final one of the worst run: higher ones say little about the results.
function worth(curve, lowerIsBetter) {
  if (!lowerIsBetter) return curve.map(({ score }) => score);
  const last = new Map(curve.map((point) => [`${point.id} ${point.machine} ${point.seed} ${point.fakes}`, point.score]));
  const end = 1.5 * Math.max(...last.values());
  return curve.map(({ score }) => end > 0 ? Math.min(score, end) : score);
}

function fit(spec, data, lowerIsBetter) {
  const valid = (name, kept) => kept.map((one) => one[name]).filter((value) => value !== null);
  const timed = data.filter(({ minutes, score }) => minutes !== null && score !== null);
  const curve = spec.data.name === "curve";
  const bars = timed.flatMap(({ score, deviation }) =>
    [score, ...[score - deviation, score + deviation].filter((end) => end > 0 || score <= 0)]);
  const score = axis(curve ? worth(data, lowerIsBetter) : bars);
  const axes = { score, low: score, minutes: axis(valid("minutes", curve ? data : timed)), kimg: axis(valid("kimg", data)) };
  for (const layer of spec.layer ?? [spec]) {
    const shade = layer.encoding?.color?.scale;
    if (shade?.type === "log" && valid("mean", data).some((mean) => mean <= 0)) shade.type = "linear";
    for (const channel of ["x", "y"]) {
      const encoding = layer.encoding?.[channel];
      if (encoding && axes[encoding.field]) Object.assign(encoding, axes[encoding.field]);
    }
  }
  return spec;
}

function draw(group, visible) {
  const curve = visible.flatMap(({ points, ...row }) => points.map((point) => ({ ...row, ...point })));
  for (const figure of group.querySelectorAll("figure")) {
    const choice = figure.querySelector("select");
    const spec = charts[group.dataset.score]?.[choice ? choice.value : figure.dataset.chart];
    if (!spec) continue;
    const data = spec.data.name === "curve" ? curve : visible;
    const fitted = fit(structuredClone(spec), data, group.dataset.lower === "true");
    const target = figure.querySelector(".chart");
    drawChart(target, fitted, { [spec.data.name]: data }, { legend: { symbolBaseFillColor: colour("ink") } });
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
  const pairs = new Map([...body.children].filter((row) => row.matches(".inside"))
    .map((inside) => [inside.previousElementSibling, inside]));
  const sorted = [...body.children].filter((row) => !row.matches(".inside")).sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === "" || b === "") return (a === "") - (b === "");
    return descending ? compare(b, a) : compare(a, b);
  });
  body.append(...sorted.flatMap((row) => pairs.has(row) ? [row, pairs.get(row)] : [row]));
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
  else if (button?.matches(".unfold, .fold")) unfold(button, button.ariaExpanded !== "true");
  else if (event.target.matches("dialog")) event.target.close();
});
form.addEventListener("change", filter);
older?.addEventListener("toggle", filter); // a chart has no width before
form.addEventListener("reset", () => setTimeout(filter));
for (const choice of document.querySelectorAll("figure select")) choice.addEventListener("change", filter);
redrawOnChange(filter);
document.addEventListener("click", ({ target }) => {
  const link = target.closest(".overview a");
  if (link) show(document.getElementById(link.hash.slice(1)));
});
document.getElementById("choice")?.addEventListener("change", ({ target }) => {
  document.querySelectorAll(".overview").forEach((table, number) => { table.hidden = number !== Number(target.value); });
});
addEventListener("hashchange", () => show(document.querySelector(":target")));
filter();
show(document.querySelector(":target"));
document.documentElement.classList.add("ready");
