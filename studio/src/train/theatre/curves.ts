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

/** The curve without its noise: an average that forgets over a share of the whole axis, however
 * dense its values are, and counts from the first one on. */
export function smoothed(
  images: readonly number[],
  values: readonly (number | null)[],
): (number | null)[] {
  const span = SMOOTHED_SHARE * ((images.at(-1) ?? 0) - (images[0] ?? 0));
  let sum = 0;
  let weight = 0;
  let before = images[0] ?? 0;
  return values.map((value, index) => {
    const at = images[index] ?? before;
    const kept = span === 0 ? 0 : Math.exp((before - at) / span);
    before = at;
    sum *= kept;
    weight *= kept;
    if (value !== null) {
      sum += value;
      weight += 1;
    }
    return weight === 0 ? null : sum / weight;
  });
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Whether the discriminator of a loss says how probable it is that a picture is real, in logits. */
export function hasProbabilities(loss: unknown): boolean {
  return loss === "minimax" || loss === "non_saturating";
}
