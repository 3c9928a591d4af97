// A run's generator in this browser, by onnxruntime-web.
import { env, InferenceSession, Tensor } from "./vendor/ort.js";

env.wasm.numThreads = 1; // more would require headers that a static host does not send
env.logLevel = "error";

async function bytes(address) {
  const answer = await fetch(new URL(address, import.meta.url));
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  return new Uint8Array(await answer.arrayBuffer());
}

let turn = Promise.resolve(); // one after the other: there is one thread

export class Generator {
  constructor(run, session) {
    this.run = run;
    this.session = session;
  }

  static async load(run) {
    // Fetched here: it starts whatever kind of file the host says it is.
    env.wasm.wasmBinary ??= await bytes("vendor/ort.wasm");
    return new Generator(run, await InferenceSession.create(await bytes(run.model), { logSeverityLevel: 3 }));
  }

  // Latents, one Float32Array for each image, to images: Float32Arrays (C, H, W) in [-1, 1].
  make(latents, { label = 0, truncation = 1 } = {}) {
    const inputs = { latents: new Tensor("float32", latents.flatMap((one) => [...one]), [latents.length, this.run.latents]) };
    if (this.session.inputNames.includes("labels")) {
      const known = Math.min(label, this.run.classes.length - 1);
      inputs.labels = new Tensor("int64", new BigInt64Array(latents.length).fill(BigInt(known)), [latents.length]);
    }
    if (this.session.inputNames.includes("truncation")) inputs.truncation = new Tensor("float32", [truncation], []);
    const made = turn.then(async () => {
      const { images } = await this.session.run(inputs);
      const length = images.data.length / latents.length;
      return latents.map((_, i) => images.data.slice(i * length, (i + 1) * length));
    });
    turn = made.catch(() => {});
    return made;
  }
}
