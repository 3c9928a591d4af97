// A GAN that is small enough to watch: points in the plane take the place of images. It needs no library and no network.
(() => {
  "use strict";
  const host = document.getElementById("toy");
  if (!host) return;

  const BATCH = 64, SHOWN = 160, ARROWS = 48, CELLS = 36, REACH = 1.6;
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));

  // Random numbers from a seed, so that the same settings give the same game.
  function randomNumbers(seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal };
  }

  // What a real point is drawn from: (x, y).
  const DATA = {
    ring: ({ uniform, normal }) => {
      const angle = 2 * Math.PI * uniform();
      return [Math.cos(angle) + 0.05 * normal(), Math.sin(angle) + 0.05 * normal()];
    },
    clusters: ({ uniform, normal }) => {
      const angle = (2 * Math.PI * Math.floor(8 * uniform())) / 8;
      return [Math.cos(angle) + 0.06 * normal(), Math.sin(angle) + 0.06 * normal()];
    },
    waves: ({ uniform, normal }) => {
      const x = 2.4 * uniform() - 1.2;
      return [x, 0.6 * Math.sin(3 * x) + 0.06 * normal()];
    },
  };

  // Layers of weights with leaky ReLU between them; the last one is linear. Adam changes the weights.
  class Network {
    constructor(sizes, random) {
      this.steps = 0;
      this.layers = sizes.slice(1).map((outputs, i) => {
        const inputs = sizes[i], scale = Math.sqrt(2 / inputs);
        const weights = Float64Array.from({ length: inputs * outputs }, () => scale * random.normal());
        const sized = () => new Float64Array(inputs * outputs + outputs);
        return { inputs, outputs, weights, bias: new Float64Array(outputs), gradient: sized(), mean: sized(), square: sized() };
      });
    }

    // Rows of inputs to rows of outputs; what each layer was given is kept for the way back.
    forward(rows, count) {
      this.layers.forEach((layer, last) => {
        layer.given = rows;
        const out = new Float64Array(count * layer.outputs), hidden = last < this.layers.length - 1;
        for (let n = 0; n < count; n++) {
          for (let o = 0; o < layer.outputs; o++) {
            let sum = layer.bias[o];
            for (let i = 0; i < layer.inputs; i++) sum += rows[n * layer.inputs + i] * layer.weights[i * layer.outputs + o];
            out[n * layer.outputs + o] = hidden && sum < 0 ? 0.2 * sum : sum;
          }
        }
        layer.made = rows = out;
      });
      return rows;
    }

    // From the gradient at the outputs to the gradient at the inputs; each layer keeps that of its weights.
    backward(gradient, count) {
      for (let last = this.layers.length - 1; last >= 0; last--) {
        const layer = this.layers[last], back = new Float64Array(count * layer.inputs);
        const { inputs, outputs, weights, given, made } = layer, ofBias = inputs * outputs;
        layer.gradient.fill(0);
        for (let n = 0; n < count; n++) {
          for (let o = 0; o < outputs; o++) {
            let g = gradient[n * outputs + o];
            if (last < this.layers.length - 1 && made[n * outputs + o] < 0) g *= 0.2;
            layer.gradient[ofBias + o] += g;
            for (let i = 0; i < inputs; i++) {
              layer.gradient[i * outputs + o] += g * given[n * inputs + i];
              back[n * inputs + i] += g * weights[i * outputs + o];
            }
          }
        }
        gradient = back;
      }
      return gradient;
    }

    update(rate) {
      const first = 0.5, second = 0.99, t = ++this.steps;
      for (const layer of this.layers) {
        layer.gradient.forEach((g, k) => {
          layer.mean[k] = first * layer.mean[k] + (1 - first) * g;
          layer.square[k] = second * layer.square[k] + (1 - second) * g * g;
          const step = (rate * layer.mean[k]) / (1 - first ** t) / (Math.sqrt(layer.square[k] / (1 - second ** t)) + 1e-8);
          if (k < layer.weights.length) layer.weights[k] -= step;
          else layer.bias[k - layer.weights.length] -= step;
        });
      }
    }
  }

  // The gradient of the generator's loss at one logit.
  const SLOPE = { "non-saturating": (logit) => -(1 - sigmoid(logit)), minimax: (logit) => -sigmoid(logit) };

  class Game {
    constructor({ data = "ring", loss = "non-saturating", ratio = 1, rate = 0.002, seed = 1 } = {}) {
      Object.assign(this, { data, loss, ratio, rate, steps: 0 });
      this.random = randomNumbers(seed);
      this.generator = new Network([2, 24, 24, 2], this.random);
      this.discriminator = new Network([2, 24, 24, 1], this.random);
      this.real = this.drawReal(SHOWN);
      this.latents = this.drawLatents(SHOWN);
    }

    drawReal(count) {
      return Float64Array.from(Array.from({ length: count }, () => DATA[this.data](this.random)).flat());
    }

    drawLatents(count) {
      return Float64Array.from({ length: 2 * count }, () => this.random.normal());
    }

    discriminatorStep() {
      const fake = this.generator.forward(this.drawLatents(BATCH), BATCH), real = this.drawReal(BATCH);
      const both = new Float64Array(4 * BATCH);
      both.set(real);
      both.set(fake, 2 * BATCH);
      const logits = this.discriminator.forward(both, 2 * BATCH);
      this.discriminator.backward(logits.map((d, n) => (n < BATCH ? sigmoid(d) - 1 : sigmoid(d)) / BATCH), 2 * BATCH);
      this.discriminator.update(this.rate);
    }

    // The gradient passes through the discriminator, whose weights stay as they are.
    generatorStep() {
      const fake = this.generator.forward(this.drawLatents(BATCH), BATCH);
      const logits = this.discriminator.forward(fake, BATCH);
      const atPoints = this.discriminator.backward(logits.map((d) => SLOPE[this.loss](d) / BATCH), BATCH);
      this.generator.backward(atPoints, BATCH);
      this.generator.update(this.rate);
    }

    step() {
      for (let k = 0; k < this.ratio; k++) this.discriminatorStep();
      this.generatorStep();
      this.steps++;
    }

    // What the page shows: points, where the generator's loss pushes each, and the figures.
    look() {
      const fake = this.generator.forward(this.latents, SHOWN);
      const dReal = this.discriminator.forward(this.real, SHOWN);
      const dFake = this.discriminator.forward(fake, SHOWN);
      const arrows = this.discriminator.backward(dFake.map((d) => SLOPE[this.loss](d)), SHOWN).map((g) => -g);
      let push = 0;
      for (let n = 0; n < SHOWN; n++) push += Math.hypot(arrows[2 * n], arrows[2 * n + 1]) / SHOWN;
      const share = (logits, right) => logits.filter(right).length / logits.length;
      return { fake, arrows, push, accuracyReal: share(dReal, (d) => d > 0), accuracyFake: share(dFake, (d) => d < 0) };
    }

    // The discriminator's probability of "real" over the plane, row by row from the top.
    map() {
      const points = new Float64Array(2 * CELLS * CELLS);
      for (let n = 0; n < CELLS * CELLS; n++) {
        points[2 * n] = (((n % CELLS) + 0.5) / CELLS) * 2 * REACH - REACH;
        points[2 * n + 1] = REACH - ((Math.floor(n / CELLS) + 0.5) / CELLS) * 2 * REACH;
      }
      return this.discriminator.forward(points, CELLS * CELLS).map(sigmoid);
    }
  }

  const choice = (name, words, options) =>
    `<label>${words} <select name="${name}">${options.map(([value, title]) => `<option value="${value}">${title}</option>`).join("")}</select></label>`;
  host.innerHTML = `
    <div class="toy-controls">
      ${choice("data", "Real points", [["ring", "a ring"], ["clusters", "eight clusters"], ["waves", "a wave"]])}
      ${choice("loss", "Generator's loss", [["non-saturating", "non-saturating"], ["minimax", "minimax"]])}
      ${choice("ratio", "Discriminator steps per generator step", [1, 2, 5, 20].map((k) => [k, k]))}
      ${choice("rate", "Learning rate", [["0.0005", "0.0005"], ["0.002", "0.002"], ["0.01", "0.01"]])}
    </div>
    <div class="toy-controls">
      <button type="button" data-do="play">Play</button>
      <button type="button" data-do="step">One round</button>
      <button type="button" data-do="many">100 rounds</button>
      <button type="button" data-do="again">Begin again</button>
    </div>
    <canvas width="720" height="720" role="img" aria-label="Real points, generated points, and the discriminator's opinion of every place"></canvas>
    <p class="toy-figures"></p>`;
  host.querySelector("select[name=rate]").value = "0.002";
  const canvas = host.querySelector("canvas"), context = canvas.getContext("2d"), side = canvas.width;
  const play = host.querySelector("[data-do=play]"), figures = host.querySelector(".toy-figures");
  let game, playing = false;

  const colour = (name) => getComputedStyle(host).getPropertyValue(name).trim();
  const at = (x, y) => [((x + REACH) / (2 * REACH)) * side, ((REACH - y) / (2 * REACH)) * side];

  function draw() {
    const seen = game.look(), map = game.map(), cell = side / CELLS;
    context.fillStyle = colour("--ground");
    context.fillRect(0, 0, side, side);
    map.forEach((probability, n) => {
      context.fillStyle = probability > 0.5 ? colour("--real") : colour("--fake");
      context.globalAlpha = 0.5 * Math.abs(probability - 0.5);
      context.fillRect((n % CELLS) * cell, Math.floor(n / CELLS) * cell, cell, cell);
    });
    context.globalAlpha = 1;
    for (let n = 0; n < SHOWN; n++) {
      const [x, y] = at(game.real[2 * n], game.real[2 * n + 1]);
      context.strokeStyle = colour("--real");
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(x, y, 6, 0, 7);
      context.stroke();
    }
    for (let n = 0; n < SHOWN; n++) {
      const [x, y] = at(seen.fake[2 * n], seen.fake[2 * n + 1]);
      context.fillStyle = colour("--fake");
      context.fillRect(x - 5, y - 5, 10, 10);
      if (n >= ARROWS) continue;
      const [dx, dy] = [seen.arrows[2 * n], seen.arrows[2 * n + 1]], length = Math.hypot(dx, dy);
      const scale = (Math.min(length, 2) * 60) / (length || 1);
      context.strokeStyle = colour("--generator");
      context.lineWidth = 3;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + dx * scale, y - dy * scale);
      context.stroke();
    }
    const percent = (share) => `${Math.round(100 * share)} %`;
    figures.textContent =
      `Round ${game.steps}. Recognised: ${percent(seen.accuracyReal)} of the real points, ` +
      `${percent(seen.accuracyFake)} of the generated ones. Mean gradient at a generated point: ${seen.push.toPrecision(2)}.`;
  }

  function settings() {
    const value = (name) => host.querySelector(`select[name=${name}]`).value;
    return { data: value("data"), loss: value("loss"), ratio: Number(value("ratio")), rate: Number(value("rate")) };
  }

  function begin() {
    game = host.game = new Game(settings());
    draw();
  }

  function advance(rounds) {
    for (let k = 0; k < rounds; k++) game.step();
    draw();
  }

  function frame() {
    if (!playing) return;
    advance(4);
    requestAnimationFrame(frame);
  }

  host.addEventListener("click", (event) => {
    const wanted = event.target.dataset.do;
    if (wanted === "play") {
      playing = !playing;
      play.textContent = playing ? "Pause" : "Play";
      requestAnimationFrame(frame);
    }
    if (wanted === "step") advance(1);
    if (wanted === "many") advance(100);
    if (wanted === "again") begin();
  });
  host.addEventListener("change", (event) => {
    if (event.target.name === "data") begin();
    else Object.assign(game, settings());
    draw();
  });
  // The site's own switch between light and dark.
  new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
  host.Game = Game;
  begin();
})();
