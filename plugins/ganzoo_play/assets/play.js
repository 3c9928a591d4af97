// The place in the latent space, and the controls that change it.
import { startGame } from "./game.js";
import { Generator } from "./generator.js";
import { between, fromSeed, moved } from "./latents.js";
import { Pad } from "./pad.js";
import { fit, paint, save, sideBySide, toGif, toPng } from "./image.js";

const REACH = 4; // of a slider, in standard deviations of a latent
const PAUSE = 200; // ms without a change, before the small images are made
const [FRAMES, DELAY] = [24, 80]; // of a GIF, one way
const WALK = 4000; // ms from seed to seed
const find = (id) => document.getElementById(id);
const runs = JSON.parse(find("runs").textContent);
const main = document.querySelector("main");
const count = Math.max(...runs.map(({ directions }) => directions.length));
const steps = new Array(count).fill(0);
const generators = [];

const seedOf = (id) => find(id).checkValidity() ? find(id).valueAsNumber : +find(id).defaultValue;

// Where we are: what each run's generator is given.
const state = () => ({
  seed: seedOf("seed"), to: seedOf("to"), way: +find("way").value,
  truncation: +find("truncation").value, label: Math.max(0, find("class").selectedIndex), steps: [...steps],
});

function latents(run, { seed, to, way, steps: along }) {
  return moved(between(fromSeed(seed, run.latents), fromSeed(to, run.latents), way), run.directions, along);
}

// Big images at once, small ones after a pause.
let wanted = false, drawing = false, pause = 0, round = 0;
const loaded = () => generators.length === runs.length;
function draw() {
  if (!loaded()) return;
  wanted = true;
  main.ariaBusy = "true";
  if (!drawing) drawAll();
}

async function drawAll() {
  drawing = true;
  while (wanted) {
    wanted = false;
    await new Promise(requestAnimationFrame);
    const now = state();
    describe(now);
    for (const [place, generator] of generators.entries()) {
      const [image] = await generator.make([latents(generator.run, now)], now);
      paint(generator.canvas, image, generator.run);
    }
  }
  drawing = false;
  clearTimeout(pause);
  pause = setTimeout(drawSmall, PAUSE);
}

async function drawSmall() {
  const mine = round += 1;
  const now = state();
  const generator = generators[find("whose").selectedIndex];
  const stale = () => wanted || drawing || mine !== round;
  for (const [k, [low, high]] of ends.entries()) {
    if (stale()) return;
    const places = [-REACH, REACH].map((end) => latents(generator.run, { ...now, steps: now.steps.with(k, end) }));
    const images = await generator.make(places, now);
    [low, high].forEach((canvas, i) => paint(fit(canvas, generator.run), images[i], generator.run));
  }
  await pad.draw(generator, (x, y) => latents(generator.run, { ...now, steps: now.steps.with(pad.x, x).with(pad.y, y) }), now, stale);
  if (stale()) return;
  remember(now);
  main.ariaBusy = "false";
}

function describe({ seed, to, way, truncation }) {
  const where = way === 0 ? `seed ${seed}` : way === 1 ? `seed ${to}` : `${Math.round(100 * way)}% of the way from seed ${seed} to ${to}`;
  const off = steps.some(Boolean) ? ", moved" : "";
  find("way").setAttribute("aria-valuetext", where);
  find("truncation-value").textContent = truncation.toFixed(2);
  for (const { canvas, run } of generators) canvas.ariaLabel = `Image by ${title(run)}: ${where}${off}`;
  sliders.forEach((slider, k) => { slider.value = steps[k]; });
  pad.show(steps);
}

// Stores the controls in the address after #, so that a link to it shows the same images.
function remember({ seed, to, way, truncation, label, steps: along }) {
  const all = { seed, to, way, truncation, class: label, steps: along.map((value) => +value.toFixed(2)).join() };
  history.replaceState(null, "", `#${new URLSearchParams(all)}`);
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  for (const id of ["seed", "to", "way", "truncation"]) {
    const value = Number(kept.get(id) ?? NaN);
    if (Number.isFinite(value)) find(id).value = value;
    if (!find(id).checkValidity()) find(id).value = find(id).defaultValue;
  }
  find("class").selectedIndex = Math.min(Math.max(0, Number(kept.get("class")) || 0), find("class").length - 1);
  (kept.get("steps") ?? "").split(",").slice(0, count).forEach((value, k) => {
    steps[k] = Math.min(REACH, Math.max(-REACH, Number(value) || 0));
  });
}

// Controls.
const sliders = [], ends = [];
function addDirection(k) {
  const row = document.createElement("div");
  const slider = document.createElement("input");
  const pair = [0, 1].map(() => document.createElement("canvas"));
  pair.forEach((canvas) => { canvas.ariaHidden = "true"; });
  Object.assign(slider, { type: "range", min: -REACH, max: REACH, step: 0.05, value: 0, ariaLabel: `Direction ${k + 1}` });
  slider.addEventListener("input", () => { steps[k] = +slider.value; draw(); });
  row.append(pair[0], slider, pair[1]);
  find("directions").append(row);
  sliders.push(slider);
  ends.push(pair);
  for (const axis of ["across", "up"]) find(axis).add(new Option(`direction ${k + 1}`));
}
for (let k = 0; k < count; k += 1) addDirection(k);
find("up").selectedIndex = Math.min(1, count - 1);
const pad = new Pad(find("pad"), REACH, [0, find("up").selectedIndex], (x, y) => {
  steps[pad.x] = x;
  if (pad.y !== pad.x) steps[pad.y] = y;
  draw();
});
const axes = { x: find("across"), y: find("up") };
for (const [axis, other] of [["x", "y"], ["y", "x"]]) {
  axes[axis].addEventListener("change", () => {
    const before = pad[axis];
    pad[axis] = axes[axis].selectedIndex;
    if (pad.x === pad.y) axes[other].selectedIndex = pad[other] = before; // two different ones: they change places
    draw();
  });
}

const list = (id, names) => { for (const name of names) find(id).add(new Option(name)); };
const title = ({ name, directory }) => runs.filter((run) => run.name === name).length > 1 ? `${name}, ${directory}` : name;
list("whose", runs.map(title));
find("whose-label").hidden = runs.length === 1;
const truncating = runs.filter(({ truncation }) => truncation);
find("truncation-panel").hidden = !truncating.length;
if (truncating.length < runs.length) {
  find("truncation-whose").textContent = `Of these runs only ${truncating.map(title).join(", ")} can do that.`;
}
const named = runs.map((run) => run.classes).filter((names) => names.length);
const classes = Array.from({ length: Math.max(0, ...named.map((names) => names.length)) }, (_, label) =>
  [...new Set(named.map((names) => names[label]).filter(Boolean))].join(" / ")); // runs may have other names
list("class", classes);
find("class-panel").hidden = !classes.length;

for (const id of ["seed", "to"]) {
  find(id).addEventListener("input", () => { if (find(id).checkValidity()) draw(); });
  find(id).addEventListener("change", () => {
    if (!find(id).checkValidity()) find(id).value = find(id).defaultValue;
    draw();
  });
}
for (const id of ["way", "truncation", "class", "whose"]) find(id).addEventListener("input", () => { walk(false); draw(); });

const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % 1000000;
find("surprise").addEventListener("click", () => {
  walk(false);
  for (const id of ["seed", "to"]) find(id).value = anySeed();
  find("way").value = 0;
  steps.fill(0);
  draw();
});
find("back").addEventListener("click", () => {
  walk(false);
  find("way").value = 0;
  steps.fill(0);
  draw();
});

let walking = 0;
function walk(on) {
  walking = on ? requestAnimationFrame(step) : cancelAnimationFrame(walking) ?? 0;
  find("walk").textContent = on ? "Stop" : "Walk";
  find("walk").ariaPressed = String(on);
  const [from, start] = [+find("way").value, performance.now()];
  function step(now) {
    const gone = (from + Math.max(0, now - start) / WALK) % 2; // there and back
    find("way").value = gone > 1 ? 2 - gone : gone;
    draw();
    walking = requestAnimationFrame(step);
  }
}
find("walk").addEventListener("click", () => walk(!walking));

// Files.
const shown = async (now) => {
  const images = [];
  for (const generator of generators) images.push((await generator.make([latents(generator.run, now)], now))[0]);
  return sideBySide(images, runs);
};
find("png").addEventListener("click", async () => {
  if (!loaded()) return;
  const now = state();
  save(await toPng(await shown(now)), `seed-${now.seed}.png`);
});
find("gif").addEventListener("click", async ({ currentTarget: button }) => {
  if (!loaded()) return;
  walk(false);
  const now = state();
  button.disabled = true;
  button.textContent = "Saving …";
  const frames = [];
  for (let i = 0; i < FRAMES; i += 1) {
    frames.push(await shown({ ...now, way: i / (FRAMES - 1) }));
    await new Promise((resolve) => { setTimeout(resolve); });
  }
  save(toGif(frames, DELAY), `seed-${now.seed}-to-${now.to}.gif`);
  button.disabled = false;
  button.textContent = "Save GIF";
});

// Begin.
startGame(runs, title);
recall();
try {
  for (const run of runs) {
    find("status").textContent = `Loading ${run.name} and its runtime (a few megabytes).`;
    const generator = await Generator.load(run);
    const [item, figure, caption, name, about] = ["li", "figure", "figcaption", "strong", "small"].map((tag) => document.createElement(tag));
    generator.canvas = fit(document.createElement("canvas"), run);
    generator.canvas.role = "img";
    name.textContent = run.name;
    about.textContent = run.about;
    caption.append(name, about);
    figure.append(generator.canvas, caption);
    item.append(figure);
    find("images").append(item);
    generators.push(generator);
  }
  find("status").hidden = true;
  draw();
} catch (error) {
  find("status").textContent = `The generator cannot run here: ${error.message}`;
  throw error;
}
