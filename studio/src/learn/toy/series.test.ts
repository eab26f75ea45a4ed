import { expect, test } from "vitest";
import { Series } from "./series";

test("a long curve keeps its shape in few points", () => {
  const series = new Series();
  for (let step = 0; step < 10_000; step++) series.add(step);
  expect(series.points.length).toBeLessThan(400);
  expect(series.points[0]).toBeLessThan(100);
  expect(series.points.at(-1)).toBeGreaterThan(9_800);
  expect(series.points).toEqual(series.points.toSorted((one, other) => one - other));
});
