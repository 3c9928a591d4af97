// Images on canvases, and as files.
import { GIFEncoder, applyPalette, quantize } from "./vendor/gifenc.js";

const SQUARES = 64; // pixels of a side, up to which each is shown as a square
const FILE = 256; // pixels of a side at least, in a file
const GAP = 8;

// (C, H, W) in [-1, 1], rounded as a PNG would store it.
function toImage(image, { size, channels }) {
  const bitmap = new ImageData(size, size);
  for (let i = 0; i < size * size; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      bitmap.data[4 * i + c] = Math.round(127.5 * image[(channels === 1 ? 0 : c) * size * size + i] + 127.5);
    }
    bitmap.data[4 * i + 3] = 255;
  }
  return bitmap;
}

export function scaled(element, { size }) {
  element.classList.toggle("squares", size <= SQUARES);
}

// Sizes a canvas for `cells` x `cells` images of a run.
export function fit(canvas, run, cells = 1) {
  if (canvas.width !== cells * run.size) canvas.width = canvas.height = cells * run.size;
  scaled(canvas, run);
  return canvas;
}

export function paint(canvas, image, run, column = 0, row = 0) {
  canvas.getContext("2d").putImageData(toImage(image, run), column * run.size, row * run.size);
}

// Images of several runs side by side, enlarged by whole numbers.
export function sideBySide(images, runs, least = FILE) {
  const height = Math.max(...runs.map(({ size }) => size * Math.ceil(least / size)));
  const canvas = document.createElement("canvas");
  canvas.width = runs.length * (height + GAP) - GAP;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  images.forEach((image, place) => {
    const own = fit(document.createElement("canvas"), runs[place]);
    paint(own, image, runs[place]);
    context.imageSmoothingEnabled = runs[place].size > SQUARES;
    context.drawImage(own, place * (height + GAP), 0, height, height);
  });
  return canvas;
}

export function toPng(canvas) {
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

// Canvases of one size, there and back again, without an end.
export function toGif(canvases, delay) {
  const gif = GIFEncoder();
  const frames = canvases.map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const palette = quantize(data, 256);
    return { index: applyPalette(data, palette), palette };
  });
  for (const { index, palette } of [...frames, ...frames.slice(1, -1).reverse()]) {
    gif.writeFrame(index, canvases[0].width, canvases[0].height, { palette, delay });
  }
  gif.finish();
  return new Blob([gif.bytes()], { type: "image/gif" });
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
