const data = JSON.parse(find("snapshots").textContent);
const slider = find("time");

// The story: a moment is a place of the slider.
function words([real, value]) {
  return `${real ? "real" : "fake"} ${data.probability ? percent(value) : `#${value}`}`;
}

function percent(probability) {
  const whole = Math.round(100 * probability);
  return `${whole === 50 ? (100 * probability).toFixed(1) : whole}%`; // on which side of the border
}

function say({ fake, fooled, right }) {
  if (fooled === null) return "No verdicts were kept of this moment.";
  const half = data.count / 2;
  const passed = fooled === 0 ? "none of the generated images passes" :
    `${fooled} of ${half} generated images ${fooled === 1 ? "passes" : "pass"}`;
  const skill = right > 0.9 ? "is nearly always right" : right > 0.65 ? "is mostly right" :
    right > 0.45 ? "can hardly tell them apart" : "is mostly wrong";
  return `The discriminator ${skill}: ${Math.round(100 * right)}% of ${data.count} images classified correctly, ${passed} for real.`;
}

// From surely fake at the bottom to surely real at the top; generated images left, real ones right.
function scale({ fake, real }) {
  const svg = find("scale");
  const [width, height, top, left] = [220, 330, 18, 44];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const y = (share) => top + (1 - share) * (height - 2 * top);
  const parts = [];
  const name = (share) => data.probability ? `${100 * share}%` : `#${Math.max(1, Math.round((1 - share) * data.count))}`;
  for (const share of [0, 0.5, 1]) {
    parts.push(`<line x1="${left}" x2="${width}" y1="${y(share)}" y2="${y(share)}" class="${share === 0.5 ? "border" : ""}"/>`,
      `<text x="${left - 6}" y="${y(share) + 4}" text-anchor="end">${name(share)}</text>`);
  }
  parts.push(`<text x="${left}" y="${y(1) - 6}">real</text><text x="${left}" y="${y(0) + 15}">fake</text>`);
  const spread = (place) => ((place * 7) % 16) * 3.6 - 27; // beside each other where they stand at one height
  fake.forEach(([says, , share], place) => parts.push(
    `<circle class="mark ${says ? "real" : "fake"}" cx="${90 + spread(place)}" cy="${y(share)}" r="5"/>`));
  real.forEach(([says, , share], place) => parts.push(
    `<path class="mark ${says ? "real" : "fake"}" d="M${178 + spread(place)} ${y(share) - 6.5}l6 6.5-6 6.5-6-6.5z"/>`));
  svg.innerHTML = parts.join(""); // numbers and our own words alone
}

function show() {
  const step = data.steps[slider.value];
  find("moment").textContent = `${step.kimg.toLocaleString("en", { maximumFractionDigits: 1 })} kimg`;
  slider.setAttribute("aria-valuetext", find("moment").textContent);
  find("verdict").textContent = say(step);
  fill(find("fake"), step.sheet, step.fake, words, data.classes);
  fill(find("real"), data.real, step.real, words);
  scale(step);
  remember();
}

function jump(place) {
  slider.value = place;
  show();
}

let playing = 0;
function play(on) {
  clearInterval(playing);
  playing = 0;
  if (on) {
    if (+slider.value === +slider.max) jump(0);
    const pause = Math.max(120, Math.min(900, 12000 / data.steps.length));
    playing = setInterval(() => {
      jump(+slider.value + 1);
      if (+slider.value === +slider.max) play(false);
    }, pause);
  }
  find("play").textContent = on ? "Pause" : "Play";
  find("play").setAttribute("aria-pressed", String(on));
}

// After a reload the page shows the same snapshot as before, or the new last one if it showed the last.
const KEY = `ganzoo ${location.pathname}`;
function remember() {
  try {
    sessionStorage.setItem(KEY, slider.value === slider.max ? "last" : slider.value);
  } catch { /* a browser that keeps nothing */ }
}
function recall() {
  try {
    const kept = sessionStorage.getItem(KEY);
    if (kept !== null && kept !== "last") slider.value = kept;
  } catch { /* as above */ }
}
if (find("reload")) {
  setInterval(() => {
    if (find("reload").checked && !playing && !document.hidden && String(getSelection()) === "") location.reload();
  }, 20000);
}

if (slider) {
  recall();
  slider.addEventListener("input", () => { play(false); show(); });
  find("play").addEventListener("click", () => play(!playing));
  for (const button of document.querySelectorAll("[data-jump]")) {
    button.addEventListener("click", () => { play(false); jump(Math.round(slider.max * button.dataset.jump)); });
  }
  show();
}
