import { expect, test } from "vitest";
import { ARTICLE_LAYERS } from "./article";

test("the drawing has the article's layers and weights", () => {
  expect(ARTICLE_LAYERS.map(({ channels, height }) => [channels, height])).toEqual([
    [256, 4],
    [128, 8],
    [64, 16],
    [32, 32],
    [3, 64],
  ]);
  const weights = ARTICLE_LAYERS.reduce((sum, layer) => sum + layer.weights, 0);
  const biases = 256 * 16 + 128 + 64 + 32; // BatchNorm, folded: a bias for each place or channel
  expect(weights - biases).toBe(1_100_224 - 2 * (256 + 128 + 64 + 32));
});
