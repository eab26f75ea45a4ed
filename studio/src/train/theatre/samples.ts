export interface Sample {
  images_seen: number;
  url: string;
}

/** The newest sample at or before so many images; the first one before any; null without one. */
export function sampleAt(samples: readonly Sample[], images: number | null): Sample | null {
  if (images === null) return samples.at(-1) ?? null;
  return samples.findLast((sample) => sample.images_seen <= images) ?? samples[0] ?? null;
}

/** Where a slider that stands at `from` and is moved to `to` comes to rest: on a sample, and by a
 * step of a key on the next one. */
export function settle(samples: readonly Sample[], from: number, to: number): number {
  const places = samples.map((sample) => sample.images_seen);
  const nearest = places.reduce(
    (best, place) => (Math.abs(place - to) < Math.abs(best - to) ? place : best),
    places[0] ?? 0,
  );
  if (nearest !== from || to === from) return nearest;
  const next =
    to > from ? places.find((place) => place > from) : places.findLast((place) => place < from);
  return next ?? from;
}
