/** What follows from latents: edits, paths and blends, as docs/latents.md defines them. Computed in
 * 64 bits, rounded to 32. */

export type Latent = Float32Array;

/** A place on a pad: from 0 at the left and the top to 1 at the right and the bottom. */
export interface Place {
  x: number;
  y: number;
}

const MEAN_STEPS = 100;
const MEAN_PRECISION = 1e-10; // radians that the last step may move a mean
const LEAST_SINE = 1e-9; // of the angle between two directions that define a great circle
const LEAST_MEAN = 1e-6; // the length of a mean of directions below which they cancel each other

/** The latent moved by `offset`, a sum of directions times amounts, at its own length. A latent
 * that would reach the origin stays where it is. */
export function move(latent: Latent, offset: readonly number[]): Latent {
  const moved = Array.from(latent, (value, index) => value + (offset[index] ?? 0));
  const [length, movedLength] = [norm(latent), norm(moved)];
  if (movedLength <= 1e-6 * length) return latent;
  return Float32Array.from(moved, (value) => value * (length / movedLength));
}

/** The latent scaled towards the origin. */
export function truncate(latent: Latent, truncation: number): Latent {
  return truncation === 1 ? latent : latent.map((value) => value * truncation);
}

/** The great circle from a at 0 to b at 1. Parallel latents define no circle and take the straight
 * line; opposite ones take the circle through the axis that a is least aligned with. */
export function slerp(a: Latent, b: Latent, t: number): Latent {
  if (t === 0 || t === 1) return t === 1 ? b : a;
  const lengths = norm(a) * norm(b);
  const cosine = lengths === 0 ? 1 : Math.min(1, Math.max(-1, dot(a, b) / lengths));
  const angle = Math.acos(cosine);
  const sine = Math.sin(angle);
  if (sine <= 1e-6 && cosine < 0 && a.length > 1) return halfTurn(a, b, t);
  const [from, to] =
    sine > 1e-6 ? [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine] : [1 - t, t];
  return Float32Array.from(a, (value, index) => from * value + to * (b[index] ?? 0));
}

function halfTurn(a: Latent, b: Latent, t: number): Latent {
  const direction = Array.from(a, (value) => value / norm(a));
  const sizes = direction.map(Math.abs);
  const axis = sizes.indexOf(Math.min(...sizes));
  const along = direction[axis] ?? 0;
  const across = direction.map((value, index) => (index === axis ? 1 : 0) - along * value);
  const length = (1 - t) * norm(a) + t * norm(b);
  const [cosine, sine] = [Math.cos(t * Math.PI), Math.sin(t * Math.PI) / norm(across)];
  return Float32Array.from(
    direction,
    (value, index) => length * (cosine * value + sine * (across[index] ?? 0)),
  );
}

/** The latent at a position from 0, the first keyframe, to 1, the last. */
export function pathAt(keyframes: readonly Latent[], position: number): Latent {
  const along = Math.min(1, Math.max(0, position)) * (keyframes.length - 1);
  const segment = Math.min(Math.floor(along), keyframes.length - 2);
  const [start, end] = [keyframes[segment], keyframes[segment + 1]];
  if (start === undefined || end === undefined) throw new Error("a path has two keyframes or more");
  return slerp(start, end, along - segment);
}

/** The weights of two to four corners at a place: top left, top right, bottom left, bottom right.
 * The third of three is the whole edge at the bottom. */
export function cornerWeights(corners: number, { x, y }: Place): number[] {
  if (corners === 2) return [1 - x, x];
  const top = [(1 - x) * (1 - y), x * (1 - y)];
  return corners === 3 ? [...top, y] : [...top, (1 - x) * y, x * y];
}

/**
 * The weighted mean on the sphere of directions, at the weighted mean of the lengths: Buss and
 * Fillmore, "Spherical averages and applications to spherical splines" (2001), algorithm A1.
 */
export function blend(latents: readonly Latent[], weights: readonly number[]): Latent {
  const alone = latents[weights.indexOf(1)];
  if (alone !== undefined) return alone;
  const lengths = latents.map(norm);
  const directions = latents.map((latent, index) =>
    Array.from(latent, (value) => value / (lengths[index] || 1)),
  );
  let mean = weightedSum(directions, weights);
  if (norm(mean) < LEAST_MEAN) throw new Error("the latents cancel each other out");
  for (let step = 0; step < MEAN_STEPS; step++) {
    const length = norm(mean);
    mean = mean.map((value) => value / length);
    const tangents = directions.map((direction) => way(mean, direction));
    const tangent = weightedSum(tangents, weights);
    const angle = norm(tangent);
    mean = onward(mean, tangent, angle);
    if (angle < MEAN_PRECISION) break;
  }
  const length = dot(lengths, weights);
  return Float32Array.from(mean, (value) => length * value);
}

/** The tangent at `start` along the great circle to `end`, as long as the angle. */
function way(start: readonly number[], end: readonly number[]): number[] {
  const cosine = dot(start, end);
  const across = end.map((value, index) => value - cosine * (start[index] ?? 0));
  const sine = norm(across);
  const scale = Math.atan2(sine, cosine) / Math.max(sine, LEAST_SINE);
  return across.map((value) => value * scale);
}

function onward(start: readonly number[], tangent: readonly number[], angle: number): number[] {
  const scale = angle === 0 ? 1 : Math.sin(angle) / angle;
  return start.map((value, index) => Math.cos(angle) * value + scale * (tangent[index] ?? 0));
}

function weightedSum(vectors: readonly (readonly number[])[], weights: readonly number[]) {
  const sum = new Array<number>(vectors[0]?.length ?? 0).fill(0);
  vectors.forEach((vector, row) => {
    for (const [index, value] of vector.entries()) {
      sum[index] = (sum[index] ?? 0) + (weights[row] ?? 0) * value;
    }
  });
  return sum;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

function norm(vector: ArrayLike<number>): number {
  return Math.sqrt(dot(vector, vector));
}
