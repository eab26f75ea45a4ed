/** The scores of a checkpoint, as the service names them (docs/scores.md). */
export type Metrics = Readonly<Record<string, unknown>>;

export type Distance = "kid" | "frechet";

/** A score, or that of real pictures (`floor`, `real`) or of noise (`ceiling`). */
export function scoreOf(metrics: Metrics | null, ...path: readonly string[]): number | null {
  let value: unknown = metrics;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return null;
    value = (value as Metrics)[part];
  }
  return typeof value === "number" ? value : null;
}

/** Where a distance lies between noise, 0, and real pictures, 1. By its root: trainings spend most
 * of their time close to the pictures. */
export function placeOf(metrics: Metrics, distance: Distance): number | null {
  const value = scoreOf(metrics, distance);
  const real = scoreOf(metrics, "floor", distance);
  const noise = scoreOf(metrics, "ceiling", distance);
  if (value === null || real === null || noise === null || noise <= real) return null;
  const share = Math.min(1, Math.max(0, (value - real) / (noise - real)));
  return 1 - Math.sqrt(share);
}
