import { expect, test } from "vitest";
import { sampleAt, settle } from "./samples";

const samples = [0, 640, 1280, 2000].map((images_seen) => ({ images_seen, url: "" }));

test("what is shown is the newest sample at or before a number of images", () => {
  expect(sampleAt(samples, null)?.images_seen).toBe(2000);
  expect(sampleAt(samples, 1279)?.images_seen).toBe(640);
  expect(sampleAt(samples, 5000)?.images_seen).toBe(2000);
  expect(sampleAt(samples.slice(1), 3)?.images_seen).toBe(640);
  expect(sampleAt([], null)).toBeNull();
});

test("a slider rests on samples, and a key moves it to the next one", () => {
  expect(settle(samples, 0, 1000)).toBe(1280);
  expect(settle(samples, 640, 641)).toBe(1280);
  expect(settle(samples, 640, 639)).toBe(0);
  expect(settle(samples, 2000, 2001)).toBe(2000);
});
