import { expect, test } from "vitest";
import { lengthsFor } from "./lengths";

test("thousands of pictures take the preset's own length, less or more of it", () => {
  expect(lengthsFor(3000, 860_000, true)).toEqual({
    quick: 250_000,
    good: 860_000,
    long: 2_600_000,
  });
});

test("few pictures are known by heart soon", () => {
  expect(lengthsFor(200, 860_000, true).good).toBe(250_000);
  expect(lengthsFor(20, 860_000, true)).toEqual({ quick: 100_000, good: 100_000, long: 100_000 });
  expect(lengthsFor(600, 750_000, false).good).toBe(600_000);
});
