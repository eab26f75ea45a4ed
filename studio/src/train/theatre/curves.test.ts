import { expect, test } from "vitest";
import { lineOf, sigmoid, smoothed } from "./curves";

const line = { label: "loss", tone: "first", isOther: false } as const;

test("a line has the rows that come after each other", () => {
  const series = { images_seen: [64, null, 64, 128], loss: [0, 1, 2, null] };
  expect(lineOf(series, "loss", line, sigmoid)).toEqual({
    ...line,
    images: [64, 128],
    values: [0.5, null],
  });
  expect(lineOf({}, "loss", line).values).toEqual([]);
});

test("a smoothed curve begins at its first value, and bridges gaps", () => {
  const curve = smoothed([0, 1, 2, 3, 4], [null, 3, 3, null, 3]);
  expect(curve[0]).toBeNull();
  for (const value of curve.slice(1)) expect(value).toBeCloseTo(3);
  expect(smoothed([], [])).toEqual([]);
});

test("a curve is as smooth where its values are dense as where they are rare", () => {
  const images = Array.from({ length: 400 }, (_, index) =>
    index < 200 ? 100 * index : 20_000 + index,
  );
  const noisy = images.map((_, index) => (index % 2 === 0 ? 0 : 1));
  const curve = smoothed(images, noisy);
  for (const value of curve.slice(100)) expect(Math.abs((value ?? 0) - 0.5)).toBeLessThan(0.12);
});
