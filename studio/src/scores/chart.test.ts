import { expect, test } from "vitest";
import { linearScale, logarithmicScale } from "./chart";

test("a linear scale has round ticks inside its range", () => {
  const { place, ticks } = linearScale([0, 414_272], [0, 100]);
  expect(ticks).toEqual([0, 200_000, 400_000]);
  expect(place(207_136)).toBe(50);
});

test("a scale of one value is not divided by zero", () => {
  expect(linearScale([5, 5], [0, 100]).place(5)).toBe(0);
});

test("a logarithmic scale places factors evenly, and what is below at its low end", () => {
  const { place, ticks } = logarithmicScale([0.01, 10], [300, 0]);
  expect(ticks).toEqual([0.01, 0.1, 1, 10]);
  expect(place(0.1)).toBeCloseTo(200);
  expect(place(-1)).toBe(300);
  expect(logarithmicScale([0.03, 0.3], [0, 1]).ticks).toEqual([0.05, 0.1, 0.2]);
});
