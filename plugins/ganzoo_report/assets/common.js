const find = (id) => document.getElementById(id);
const charts = JSON.parse(find("charts").textContent);
const COLUMNS = 4;

// Fills a list with images of a sheet, each with its class, if any, and its verdict [real, value, height] in words.
async function fill(list, sheet, judged, words, classes = []) {
  list.parentElement.hidden = sheet === null;
  if (sheet === null) return;
  if (list.sheet !== sheet) {
    list.sheet = sheet;
    const image = new Image();
    image.src = sheet;
    await image.decode();
    if (list.sheet !== sheet) return;
  }
  const rows = Math.ceil(list.children.length / COLUMNS);
  [...list.children].forEach((item, place) => {
    const image = item.firstElementChild;
    const one = judged[place];
    item.className = one ? (one[0] ? "real" : "fake") : "";
    item.title = classes[place] ?? "";
    item.lastElementChild.textContent = [item.title, one ? words(one) : ""].filter(Boolean).join("\n");
    image.style.backgroundImage = `url("${sheet}")`;
    image.style.backgroundPosition =
      `${(100 * (place % COLUMNS)) / (COLUMNS - 1)}% ${(100 * Math.floor(place / COLUMNS)) / Math.max(1, rows - 1)}%`;
  });
}

const SERIES = ["first", "second", "third", "fourth", "fifth", "sixth"]; // colours of the page

function draw() {
  const own = { legend: { symbolStrokeWidth: 2, symbolSize: 300 }, range: { category: SERIES.map(colour) } };
  const targets = document.querySelectorAll(".chart");
  charts.forEach(({ spec, rows }, place) => {
    const target = targets[place];
    const moments = rows.map(({ k }) => k); // one run after the other
    const first = Math.min(...moments);
    const from = first + find("range").value * (Math.max(...moments) - first);
    const points = rows.filter(({ k }) => k >= from);
    drawChart(target, spec, { points }, own);
  });
}
if (charts.length) {
  find("range").addEventListener("change", draw);
  redrawOnChange(draw);
  draw();
}
