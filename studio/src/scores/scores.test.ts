import { expect, test } from "vitest";
import { closeness, intervalOf, realScore } from "./scores";

const METRICS = {
  kid: 0.06,
  kid_interval: [0.05, 0.07],
  precision: 0.7,
  real: { precision: 0.9 },
  floor: { kid: 0.0005 },
  ceiling: { kid: 6 },
};

test("the score of real images is in `real` or in `floor`", () => {
  expect(realScore(METRICS, "precision")).toBe(0.9);
  expect(realScore(METRICS, "kid")).toBe(0.0005);
  expect(realScore(METRICS, "swd")).toBeNull();
});

test("a distance lies between noise and real images", () => {
  expect(closeness({ ...METRICS, kid: 6 }, "kid")).toBe(0);
  expect(closeness(METRICS, "kid")).toBeCloseTo(2 / 3);
  expect(closeness({ ...METRICS, kid: -0.001 }, "kid")).toBe(1);
  expect(closeness({ kid: 0.06 }, "kid")).toBeNull();
});

test("an interval has two ends", () => {
  expect(intervalOf(METRICS, "kid")).toEqual([0.05, 0.07]);
  expect(intervalOf({ kid_interval: null }, "kid")).toBeNull();
});
