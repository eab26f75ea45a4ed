import type { Series } from "../series";

/** A curve: its values at places on the axis of images seen. */
export interface Line {
  label: string;
  tone: "first" | "second";
  /** Of the training that is laid over. */
  isOther: boolean;
  images: number[];
  values: (number | null)[];
}

const SMOOTHED_SHARE = 1 / 40; // of the curve: over so much of it a value is averaged

/** The line of a series, without the rows that have no place. */
export function lineOf(
  series: Series,
  name: string,
  line: Pick<Line, "label" | "tone" | "isOther">,
  of: (value: number) => number = (value) => value,
): Line {
  const places = series.images_seen ?? [];
  const all = series[name] ?? [];
  const images: number[] = [];
  const values: (number | null)[] = [];
  places.forEach((place, index) => {
    if (place === null || place <= (images.at(-1) ?? -1)) return;
    const value = all[index] ?? null;
    images.push(place);
    values.push(value === null ? null : of(value));
  });
  return { ...line, images, values };
}

/** The curve without its noise: an average that forgets, and counts from the first value on. */
export function smoothed(values: readonly (number | null)[]): (number | null)[] {
  const rate = Math.min(1, 1 / Math.max(1, values.length * SMOOTHED_SHARE));
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return weight === 0 ? null : mean / weight;
    mean += rate * (value - mean);
    weight += rate * (1 - weight);
    return mean / weight;
  });
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Whether the discriminator of a loss says how probable it is that a picture is real, in logits. */
export function hasProbabilities(loss: unknown): boolean {
  return loss === "minimax" || loss === "non_saturating";
}
