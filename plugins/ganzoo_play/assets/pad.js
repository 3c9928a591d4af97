// Two directions at once: a map of images, and a ring on it.

import { fit, paint } from "./image.js";

const CELLS = 7; // along each side of the map

export class Pad {
  // x, y: the directions it shows. `chosen` is told where the ring is put: two numbers within the reach.
  constructor(element, reach, [x, y], chosen) {
    Object.assign(this, { element, reach, chosen, x, y, place: [0, 0], drawn: "" });
    this.canvas = element.querySelector("canvas");
    this.ring = element.querySelector("span");
    const point = (event) => {
      const { left, top, width, height } = this.canvas.getBoundingClientRect();
      this.move((2 * (event.clientX - left) / width - 1) * reach, (1 - 2 * (event.clientY - top) / height) * reach);
    };
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      element.focus({ preventScroll: true });
      event.preventDefault();
      point(event);
    });
    element.addEventListener("pointermove", (event) => { if (element.hasPointerCapture(event.pointerId)) point(event); });
    element.addEventListener("keydown", (event) => {
      const size = event.shiftKey ? 1 : 0.2;
      const [across, up] = this.place;
      const to = {
        ArrowLeft: [across - size, up], ArrowRight: [across + size, up], Home: [0, 0],
        ArrowUp: [across, up + size], ArrowDown: [across, up - size],
      }[event.key];
      if (!to || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      this.move(...to);
    });
  }

  move(...to) {
    this.place = to.map((value) => Math.min(this.reach, Math.max(-this.reach, value)));
    this.chosen(...this.place);
  }

  // Moves the ring to the position of these steps.
  show(steps) {
    this.place = [steps[this.x], steps[this.y]];
    const [x, y] = this.place.map((value) => value / this.reach);
    this.ring.style.left = `${50 + 50 * x}%`;
    this.ring.style.top = `${50 - 50 * y}%`;
    const said = ([axis, value]) => `direction ${axis + 1}: ${value.toFixed(1)}`;
    this.element.setAttribute("aria-valuetext", [[this.x, this.place[0]], [this.y, this.place[1]]].map(said).join(", "));
    this.element.setAttribute("aria-valuenow", x.toFixed(2));
  }

  // Draws the map, the top row first; `at` returns the latents of a position. Stops once `stale` returns true.
  async draw(generator, at, now, stale) {
    const { run } = generator;
    const key = JSON.stringify([run.model, this.x, this.y, { ...now, steps: now.steps.with(this.x, 0).with(this.y, 0) }]);
    if (key === this.drawn) return;
    this.drawn = "";
    fit(this.canvas, run, CELLS);
    const value = (i) => ((2 * i + 1) / CELLS - 1) * this.reach;
    for (let row = 0; row < CELLS; row += 1) {
      const places = Array.from({ length: CELLS }, (_, column) => at(value(column), value(CELLS - 1 - row)));
      const images = await generator.make(places, now);
      if (stale()) return;
      images.forEach((image, column) => paint(this.canvas, image, run, column, row));
    }
    this.drawn = key;
  }
}
