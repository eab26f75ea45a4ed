import { expect, test } from "vitest";
import { placeOf, scoreOf } from "./scores";

const metrics = { kid: 0.06, floor: { kid: 0 }, ceiling: { kid: 6 }, real: { recall: 0.9 } };

test("a score is found, or is not there", () => {
  expect(scoreOf(metrics, "real", "recall")).toBe(0.9);
  expect(scoreOf(metrics, "real", "recall", "x")).toBeNull();
  expect(scoreOf(null, "kid")).toBeNull();
});

test("a distance lies between noise and real pictures", () => {
  expect(placeOf(metrics, "kid")).toBeCloseTo(0.9);
  expect(placeOf({ ...metrics, kid: 7 }, "kid")).toBe(0);
  expect(placeOf({ ...metrics, kid: -0.01 }, "kid")).toBe(1);
  expect(placeOf(metrics, "frechet")).toBeNull();
});
