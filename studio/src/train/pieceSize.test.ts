import { expect, test } from "vitest";
import { PieceSize } from "./pieceSize";

const LARGE = 2 ** 30;

/** The sizes of the first pieces of a large file, over a line of so many bytes a second. */
function pieces(bytesPerSecond: number, latencyMs: number): number[] {
  const size = new PieceSize();
  return Array.from({ length: 12 }, () => {
    const bytes = size.of(LARGE);
    size.sent(bytes, latencyMs + (bytes / bytesPerSecond) * 1000);
    return bytes;
  });
}

test("a slow line gets pieces of a few seconds, however slow it is", () => {
  for (const speed of [30_000, 100_000, 500_000]) {
    const last = pieces(speed, 100).at(-1) ?? 0;
    expect(last / speed).toBeGreaterThan(2);
    expect(last / speed).toBeLessThan(3.1);
  }
});

test("no piece of a very slow line takes as long as the service waits", () => {
  for (const bytes of pieces(8_000, 500)) expect(bytes / 8_000).toBeLessThan(40);
});

test("a fast line gets the largest pieces at once, and a small file many", () => {
  expect(pieces(1e9, 1)[1]).toBe(8 * 2 ** 20);
  const size = new PieceSize();
  size.sent(2 ** 20, 1);
  expect(size.of(40 * 2 ** 17)).toBe(2 ** 17);
});

test("pieces that a proxy refuses are halved until they pass, and grow no more", () => {
  const limit = 2 ** 20;
  const size = new PieceSize();
  for (let times = 0; times < 9; times++) {
    const bytes = size.of(LARGE);
    if (bytes > limit) expect(size.refused(bytes)).toBe(true);
    else size.sent(bytes, 1);
  }
  expect(size.of(LARGE)).toBe(limit);
  expect(size.refused(2 ** 16)).toBe(false);
});

test("after a failure the pieces are smaller, down to the least", () => {
  const size = new PieceSize();
  size.sent(2 ** 20, 1);
  const before = size.of(LARGE);
  size.failed();
  expect(size.of(LARGE)).toBe(before / 4);
  for (let times = 0; times < 9; times++) size.failed();
  expect(size.of(LARGE)).toBe(2 ** 16);
});
