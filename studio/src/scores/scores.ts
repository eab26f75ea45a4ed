/** Scores of a checkpoint as the service gives them; docs/scores.md says what each one means. */
export type Metrics = Readonly<Record<string, unknown>>;

/** Where better values are: towards those of other real images, above, or below. */
export type Better = "real" | "up" | "down";

const SCORES = {
  kid: "real",
  frechet: "real",
  precision: "up",
  recall: "up",
  density: "up",
  coverage: "up",
  copy_rate: "down",
  diversity: "real",
  swd: "real",
} as const satisfies Record<string, Better>;

export type Score = keyof typeof SCORES;
export const SCORE_NAMES = Object.keys(SCORES) as Score[];

export function scoreOf(metrics: Metrics | null, score: string): number | null {
  const value = metrics?.[score];
  return typeof value === "number" ? value : null;
}

/** A score with three significant digits. */
export function roundScore(value: number): number {
  return Number(value.toPrecision(3));
}

/** The score of other real images in place of the generated ones; null where it is not known. */
export function realScore(metrics: Metrics, score: Score): number | null {
  return scoreOf(object(metrics.real), score) ?? scoreOf(object(metrics.floor), score);
}

/** The score of noise. */
export function noiseScore(metrics: Metrics, score: Score): number | null {
  return scoreOf(object(metrics.ceiling), score);
}

/** The 95 % interval of a score. */
export function intervalOf(metrics: Metrics, score: Score): readonly [number, number] | null {
  const interval = metrics[`${score}_interval`];
  return Array.isArray(interval) && interval.length === 2 && interval.every(Number.isFinite)
    ? (interval as [number, number])
    : null;
}

/** Where a distance lies from noise (0) to other real images (1), by its logarithm: trainings come
 * nearer by factors. Null where floor and ceiling are not known. */
export function closeness(metrics: Metrics, score: Score): number | null {
  const [value, real, noise] = [
    scoreOf(metrics, score),
    realScore(metrics, score),
    noiseScore(metrics, score),
  ];
  if (value === null || real === null || noise === null || noise <= 0) return null;
  // The distance of equal sets may be measured as 0 or less.
  const least = Math.max(real, noise / 1000);
  const share = Math.log(noise / Math.max(value, least)) / Math.log(noise / least);
  return Math.min(1, Math.max(0, share));
}

function object(value: unknown): Metrics | null {
  return typeof value === "object" && value !== null ? (value as Metrics) : null;
}
