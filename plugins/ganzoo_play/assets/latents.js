// Latents: the same numbers as PyTorch draws from a seed, and ways through them.

const [LENGTH, SHIFT] = [624, 397];

// The Mersenne Twister (Matsumoto and Nishimura 1998), as torch.Generator on a CPU has it.
function* twister(seed) {
  const state = new Uint32Array(LENGTH);
  state[0] = seed;
  for (let i = 1; i < LENGTH; i += 1) {
    const before = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  for (;;) {
    for (let i = 0; i < LENGTH; i += 1) {
      const mixed = (state[i] & 0x80000000) | (state[(i + 1) % LENGTH] & 0x7fffffff);
      state[i] = state[(i + SHIFT) % LENGTH] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    for (let y of state) {
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      yield (y ^ (y >>> 18)) >>> 0;
    }
  }
}

// The first `count` of torch.randn(at least 16 numbers): sixteen at a time, by Box and Muller 1958.
export function fromSeed(seed, count) {
  const numbers = twister(seed);
  const drawn = new Float32Array(16 * Math.ceil(count / 16));
  for (let start = 0; start < drawn.length; start += 16) {
    const uniform = Array.from({ length: 16 }, () => (numbers.next().value & 0xffffff) / 2 ** 24);
    for (let i = 0; i < 8; i += 1) {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform[i]));
      const angle = 2 * Math.PI * uniform[i + 8];
      drawn[start + i] = radius * Math.cos(angle);
      drawn[start + i + 8] = radius * Math.sin(angle);
    }
  }
  return drawn.subarray(0, count);
}

// From a to b on an arc (White 2016, arXiv:1609.04468): the straight way leads through the middle, where no latents lie.
export function between(a, b, share) {
  if (share === 0) return a;
  const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  const [from, to] = Math.sin(angle) < 1e-6 ? [1 - share, share] :
    [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
  return a.map((value, i) => from * value + to * b[i]);
}

// So many steps along each direction.
export function moved(latents, directions, steps) {
  const result = Float32Array.from(latents);
  directions.forEach((direction, k) => {
    if (steps[k]) direction.forEach((value, i) => { result[i] += steps[k] * value; });
  });
  return result;
}
