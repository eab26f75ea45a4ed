import { expect, test } from "vitest";
import { firstSeed, fitColumns, GAP, growRows, moveIndex, nearestIndex } from "./layout";

test("pictures fill the width in columns of about the wanted size", () => {
  const { columns, width, height } = fitColumns(1000, 120, [64, 32]);
  expect(columns).toBe(8);
  expect(columns * width + (columns - 1) * GAP).toBeCloseTo(1000);
  expect(height).toBeCloseTo(2 * width);
  expect(fitColumns(150, 240, [64, 64]).columns).toBe(2);
});

test("the wall begins so that its seed starts a row with rows above it", () => {
  expect(firstSeed(0, 10)).toBe(0);
  expect(firstSeed(47, 10)).toBe(7);
  expect((1_000_003 - firstSeed(1_000_003, 7)) % 7).toBe(0);
  expect(1_000_003 - firstSeed(1_000_003, 7)).toBe(3500);
});

test("the wall grows when its end comes near, and not before", () => {
  expect(growRows(200, 100)).toBe(200);
  expect(growRows(200, 160)).toBe(360);
});

test("keys move within the wall", () => {
  const move = (key: string, index: number) => moveIndex(key, index, 10, 5, 95);
  expect(["ArrowRight", "ArrowDown", "Home", "End"].map((key) => move(key, 13))).toEqual([
    14, 23, 10, 19,
  ]);
  expect(move("ArrowLeft", 0)).toBe(0);
  expect(move("ArrowUp", 3)).toBe(3);
  expect(move("PageUp", 23)).toBe(3);
  expect(move("ArrowDown", 90)).toBe(94);
  expect(move("a", 1)).toBeNull();
});

test("a point belongs to the box whose middle is the nearest, in any row", () => {
  const box = (left: number, top: number) => ({ left, top, width: 60, height: 80 });
  const boxes = [box(0, 0), box(70, 0), box(0, 90)];
  expect(nearestIndex(boxes, 64, 10)).toBe(0);
  expect(nearestIndex(boxes, 66, 10)).toBe(1);
  expect(nearestIndex(boxes, 900, 20)).toBe(1);
  expect(nearestIndex(boxes, 5, 300)).toBe(2);
});
