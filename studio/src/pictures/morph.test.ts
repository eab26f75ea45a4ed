import { expect, test } from "vitest";
import { advance, frameAt, frameCount } from "./morph";

test("frames at both ends are the keyframes", () => {
  expect([0, 0.5, 1].map((position) => frameAt(position, 61))).toEqual([0, 30, 60]);
  expect(frameAt(1.2, 61)).toBe(60);
});

test("a morph has as many frames as one image can hold, and each keyframe one", () => {
  const morph = { keyframes: ["1", "2"], easing: "linear", loop: false } as const;
  expect(frameCount(morph, 64)).toBe(60);
  expect(frameCount({ ...morph, keyframes: ["1", "2", "3", "4"] }, 64)).toBe(120);
  expect(frameCount({ ...morph, keyframes: Array.from({ length: 20 }, String) }, 256)).toBe(64);
  expect(frameCount({ ...morph, loop: true }, 64)).toBe(80);
});

test("a play turns back at the end, one that loops starts again", () => {
  expect(advance(0.9, 1, 0.2, 1, false)).toEqual({ position: expect.closeTo(0.9), direction: -1 });
  expect(advance(0.1, -1, 0.2, 1, false)).toEqual({ position: expect.closeTo(0.1), direction: 1 });
  expect(advance(0.9, 1, 0.2, 1, true)).toEqual({ position: expect.closeTo(0.1), direction: 1 });
  expect(advance(0.2, 1, 1, 4, false)).toEqual({ position: expect.closeTo(0.45), direction: 1 });
});
