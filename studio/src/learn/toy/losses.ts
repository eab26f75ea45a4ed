export type GeneratorLoss = "non_saturating" | "minimax";

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** log(1 + eˣ): −log σ(−x), without overflow. */
export function softplus(value: number): number {
  return Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
}

/** The derivative of the generator's mean loss by each logit of D(G(z)). */
export function generatorSlope(loss: GeneratorLoss, logit: number, count: number): number {
  // Minimax: log(1 − D), which is flat where D is near 0. Non-saturating: −log D.
  return (loss === "minimax" ? -sigmoid(logit) : sigmoid(logit) - 1) / count;
}

/** The generator's loss for the mean of log D(G(z)) and that of log(1 − D(G(z))). */
export function generatorLoss(loss: GeneratorLoss, logFake: number, logNotFake: number): number {
  return loss === "minimax" ? logNotFake : -logFake;
}
