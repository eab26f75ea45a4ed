import { expect, test } from "vitest";
import { blend, cornerWeights, type Latent, move, pathAt, slerp, truncate } from "./latents";
import { latentFromSeed } from "./seeds";
import vectors from "./vectors.json";

const DIM = 8;
const latent = (seed: number) => latentFromSeed(seed, DIM);

/** Equal up to the last bits of 32: the order of the sums differs. */
function expectClose(given: Latent, expected: readonly number[]): void {
  expect(given).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(given[index]).toBeCloseTo(value, 6);
}

test("an edit moves a latent and keeps its length", () => {
  const { seed, amounts, latent: expected } = vectors.edit;
  const offset = new Array<number>(DIM)
    .fill(0)
    .map((_, index) =>
      vectors.directions.reduce(
        (sum, direction, row) => sum + (amounts[row] ?? 0) * (direction[index] ?? 0),
        0,
      ),
    );
  expectClose(move(latent(seed), offset), expected);
  expect(
    move(
      latent(seed),
      [...latent(seed)].map((value) => -value),
    ),
  ).toEqual(latent(seed));
});

test("truncation scales a latent", () => {
  const { seed, truncation, latent: expected } = vectors.truncation;
  expectClose(truncate(latent(seed), truncation), expected);
  expect(truncate(latent(seed), 1)).toEqual(latent(seed));
});

test("the way between two latents is their great circle", () => {
  for (const { seeds, t, latent: expected } of vectors.slerp) {
    const [from = 0, to = 0] = seeds;
    expectClose(slerp(latent(from), latent(to), t), expected);
  }
  const { seed, t, latent: expected } = vectors.half_turn;
  expectClose(
    slerp(
      latent(seed),
      latent(seed).map((value) => -value),
      t,
    ),
    expected,
  );
  expectClose(slerp(latent(1), latent(1), 0.3), [...latent(1)]);
});

test("a path goes through its keyframes at equal distances", () => {
  const keyframes = [latent(1), latent(2), latent(3)];
  expect([0, 0.5, 1].map((position) => pathAt(keyframes, position))).toEqual(keyframes);
  expect(pathAt(keyframes, 0.625)).toEqual(slerp(latent(2), latent(3), 0.25));
});

test("a blend has the weights of its corners", () => {
  for (const { seeds, x, y, latent: expected } of vectors.blends) {
    const weights = cornerWeights(seeds.length, { x, y });
    expectClose(blend(seeds.map(latent), weights), expected);
  }
});

test("latents that cancel each other out have no blend", () => {
  const opposite = latent(1).map((value) => -value);
  expect(() => blend([latent(1), opposite], [0.5, 0.5])).toThrow("cancel each other out");
});
