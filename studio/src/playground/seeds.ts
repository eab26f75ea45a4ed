/** What a seed stands for: a latent and a class, as docs/latents.md defines them. */

type Word = number; // of 32 bits, from 0 on

type Block = readonly [Word, Word, Word, Word];

const LATENT_STREAM = 0; // the last word of the counter
const CLASS_STREAM = 1;
const WORDS = 2 ** 32;
const ROUNDS = 10;

/** The latent of a seed from 0 to 2^53 - 1: the normal values that Box and Muller make of Philox's
 * words, computed in 64 bits and rounded to 32. */
export function latentFromSeed(seed: number, latentDim: number): Float32Array {
  const latent = new Float32Array(Math.ceil(latentDim / 4) * 4);
  for (let block = 0; block < latent.length / 4; block++) {
    const words = philox([block, 0, 0, LATENT_STREAM], keyOf(seed));
    const [a = 0, b = 0, c = 0, d = 0] = words.map((word) => (word + 0.5) / WORDS);
    latent.set([...boxMuller(a, b), ...boxMuller(c, d)], block * 4);
  }
  return latent.slice(0, latentDim);
}

/** The index of the class that a seed draws among `classes`. */
export function classFromSeed(seed: number, classes: number): number {
  const [word] = philox([0, 0, 0, CLASS_STREAM], keyOf(seed));
  return Math.floor((word * classes) / WORDS);
}

/** Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). */
export function philox(counter: Block, key: readonly [Word, Word]): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = product(c0, 0xd2511f53);
    const [high1, low1] = product(c2, 0xcd9e8d57);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

function keyOf(seed: number): [Word, Word] {
  return [seed % WORDS, Math.floor(seed / WORDS)];
}

/** The high and the low word of a product of two words, which a number is too short for. */
function product(a: Word, b: Word): [Word, Word] {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32 each, 2^33 together
  const other = aLow * bHigh + (middle % 0x10000);
  const high = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000);
  return [high, Math.imul(a, b) >>> 0];
}

function boxMuller(u: number, v: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(u));
  const angle = 2 * Math.PI * v;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
