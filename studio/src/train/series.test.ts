import { expect, test } from "vitest";
import { append } from "./series";

test("a row is added to every series, and a new series begins late", () => {
  const series = { images_seen: [64, 128], loss: [0.5, null] };
  expect(append(series, { images_seen: 192, loss: 0.4, accuracy: 0.9 })).toEqual({
    images_seen: [64, 128, 192],
    loss: [0.5, null, 0.4],
    accuracy: [null, null, 0.9],
  });
});

test("a row that is there already, or has no place, changes nothing", () => {
  const series = { images_seen: [64, 128], loss: [0.5, 0.4] };
  expect(append(series, { images_seen: 128, loss: 1 })).toBe(series);
  expect(append(series, { loss: 1 })).toBe(series);
});
