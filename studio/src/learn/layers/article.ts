import type { Layer } from "./queries";

/** The generator of the article's DCGAN, which is drawn while there is no model: 1.1 million
 * weights, from 100 numbers to a picture of 64×64 in colour. */
export const ARTICLE_LATENT = 100;
const CHANNELS = [256, 128, 64, 32, 3];
const FIRST_SIDE = 4;
const KERNEL = 16; // 4×4

export const ARTICLE_LAYERS: readonly Layer[] = CHANNELS.map((channels, index) => {
  const side = FIRST_SIDE * 2 ** index;
  const before = CHANNELS[index - 1];
  const isLast = index === CHANNELS.length - 1;
  // Folded into the weights, BatchNorm is a bias; the last layer has neither.
  const biases = isLast ? 0 : before === undefined ? channels * KERNEL : channels;
  return {
    index,
    operator: before === undefined ? "Gemm" : "ConvTranspose",
    activation: isLast ? "Tanh" : "Relu",
    weights: (before ?? ARTICLE_LATENT) * channels * KERNEL + biases,
    channels,
    height: side,
    width: side,
    maps: channels,
    columns: Math.ceil(Math.sqrt(channels)),
  };
});
