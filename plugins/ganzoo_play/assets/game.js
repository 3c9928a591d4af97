// Eight images: which are real? The player against the discriminator, whose verdicts the run kept.
import { scaled } from "./image.js";

const ROUND = 8;
const find = (id) => document.getElementById(id);

export function startGame(runs, title) {
  const playable = runs.filter(({ game }) => game);
  find("no-game").hidden = playable.length > 0;
  find("table").hidden = !playable.length;
  if (!playable.length) return;
  for (const run of playable) find("game-whose").add(new Option(title(run)));
  find("game-whose-label").hidden = playable.length === 1;
  const games = playable.map((run) => new Game(run));
  let game;
  const change = () => {
    game = games[find("game-whose").selectedIndex];
    game.begin();
  };
  find("game-whose").addEventListener("change", change);
  find("check").addEventListener("click", () => (game.open ? game.check() : game.deal()));
  find("reset").addEventListener("click", () => game.reset());
  change();
}

class Game {
  constructor(run) {
    Object.assign(this, { run, deck: [], hand: [], open: false });
    this.key = `ganzoo play ${location.pathname} ${run.model} ${run.about}`;
    this.score = { rounds: 0, you: 0, discriminator: 0, shown: 0 };
    try {
      const kept = JSON.parse(localStorage.getItem(this.key));
      if (Object.keys(this.score).every((name) => Number.isInteger(kept?.[name]))) this.score = kept;
    } catch { /* a browser that keeps nothing */ }
  }

  begin() {
    const { probability, border } = this.run.game;
    find("rule").textContent = probability
      ? "D is the discriminator. Its percentage is the probability that the image is real; from 50% on it says real."
      : `D is the discriminator. Its loss defines no probability, so its figure is the image's rank among all ${this.run.game.images.length} images of the game; 1 is the most real. It calls an image real if the rank is ${border ? "above its border" : "in the upper half"}.`;
    this.hand = [];
    this.now = null;
    this.deal();
  }

  // Deals the deck to its end before an image comes again.
  deal() {
    if (this.deck.length < ROUND) {
      this.deck = this.run.game.images.map((_, place) => place);
      for (let i = this.deck.length - 1; i > 0; i -= 1) {
        const j = Math.floor(Math.random() * (i + 1));
        [this.deck[i], this.deck[j]] = [this.deck[j], this.deck[i]];
      }
    }
    this.hand = this.deck.splice(0, ROUND);
    this.open = true;
    this.now = null;
    find("cards").replaceChildren(...this.hand.map((place, i) => this.card(place, i)));
    find("check").textContent = "See the truth";
    find("result").textContent = "";
    this.tell();
  }

  card(place, i) {
    const [item, button, image, words] = ["li", "button", "span", "span"].map((tag) => document.createElement(tag));
    const { columns, images } = this.run.game;
    const rows = Math.ceil(images.length / columns);
    image.className = "image";
    scaled(image, this.run);
    image.style.backgroundImage = `url("${this.run.sheet}")`;
    image.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    image.style.backgroundPosition =
      `${(100 * (place % columns)) / (columns - 1)}% ${(100 * Math.floor(place / columns)) / Math.max(1, rows - 1)}%`;
    words.className = "words";
    const say = (real) => {
      button.ariaPressed = String(real);
      words.textContent = real ? "real" : "generated";
    };
    button.ariaLabel = `Image ${i + 1}: real`;
    button.addEventListener("click", () => { if (this.open) say(button.ariaPressed !== "true"); });
    say(false);
    button.append(image, words);
    item.append(button);
    return item;
  }

  check() {
    this.open = false;
    this.now = { you: 0, discriminator: 0 };
    this.hand.forEach((place, i) => {
      const [real, says, figure] = this.run.game.images[place];
      const item = find("cards").children[i];
      const button = item.firstElementChild;
      const yours = button.ariaPressed === "true" ? 1 : 0;
      this.now.you += yours === real;
      this.now.discriminator += says === real;
      item.className = real ? "real" : "fake";
      const words = button.lastElementChild;
      const told = this.run.game.probability ? `${(100 * figure).toFixed(1)}%` : `#${figure}`;
      const line = (text, right) => {
        const one = document.createElement("span");
        one.textContent = `${right ? "✓" : "✗"} ${text}`;
        return one;
      };
      const truth = document.createElement("strong");
      truth.textContent = real ? "real" : "generated";
      words.replaceChildren(truth, line("you", yours === real), line(`D ${told}`, says === real));
      button.ariaLabel = `Image ${i + 1}: ${real ? "real" : "generated"}; you were ${yours === real ? "right" : "wrong"}, ` +
        `the discriminator (${told}) was ${says === real ? "right" : "wrong"}`;
    });
    const { you, discriminator } = this.now;
    this.score = {
      rounds: this.score.rounds + 1, shown: this.score.shown + ROUND,
      you: this.score.you + you, discriminator: this.score.discriminator + discriminator,
    };
    try {
      localStorage.setItem(this.key, JSON.stringify(this.score));
    } catch { /* as above */ }
    const won = you > discriminator ? "You win this round" : you < discriminator ? "The discriminator wins this round" : "A draw";
    find("result").textContent = `${won}: you got ${you} of ${ROUND} right, the discriminator ${discriminator}.`;
    find("check").textContent = "Next eight";
    this.tell();
  }

  reset() {
    this.score = { rounds: 0, you: 0, discriminator: 0, shown: 0 };
    try {
      localStorage.removeItem(this.key);
    } catch { /* as above */ }
    this.deck = [];
    this.deal();
  }

  tell() {
    const { rounds, shown, ...right } = this.score;
    find("rounds").textContent = rounds;
    for (const who of ["you", "discriminator"]) {
      find(who).textContent = shown ? `${right[who]} of ${shown} (${Math.round((100 * right[who]) / shown)}%)` : "–";
      find(`${who}-now`).textContent = this.now ? `${this.now[who]} of ${ROUND}` : "–";
    }
  }
}
