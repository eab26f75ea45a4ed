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
  expect(smoothed([null, 3, 3, null, 3])).toEqual([null, 3, 3, 3, 3]);
  const noisy = Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? 0 : 1));
  const last = smoothed(noisy).at(-1) ?? 0;
  expect(Math.abs(last - 0.5)).toBeLessThan(0.06);
});
