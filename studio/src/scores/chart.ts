/** A point of a chart, at the place of its value in a box of the given size. */
export interface Placed {
  x: number;
  y: number;
}

export interface Scale {
  place: (value: number) => number;
  ticks: readonly number[];
}

/** A scale from `low` to `high` onto pixels, with few round ticks. */
export function linearScale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): Scale {
  const span = high - low || 1;
  const step = roundStep(span / 4);
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step); tick * step <= high + step / 1000; tick += 1) {
    ticks.push(Number((tick * step).toPrecision(12)));
  }
  return { place: (value) => from + ((value - low) / span) * (to - from), ticks };
}

/** A logarithmic scale; its ticks are powers of ten, and their thirds where there are few. */
export function logarithmicScale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): Scale {
  const [start, end] = [Math.log10(low), Math.log10(high)];
  const span = end - start || 1;
  const factors = span > 2 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(start); power <= end; power += 1) {
    for (const factor of factors) {
      const tick = Number((factor * 10 ** power).toPrecision(3));
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  const place = (value: number) =>
    from + ((Math.log10(Math.max(value, low)) - start) / span) * (to - from);
  return { place, ticks };
}

function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= least) ?? 10;
  return factor * power;
}
