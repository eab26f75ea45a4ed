import type { TargetName } from "./names";
import { targetOf } from "./target";

const REACH = 3; // standard deviations: a point farther from every centre belongs to no cluster
const LEAST_SHARE = 0.02; // of the points that make a cluster covered

/** How many clusters of the target the points (count, 2) cover, of how many. */
export function coveredModes(points: Float64Array, target: TargetName): [number, number] {
  const { centres, spread } = targetOf(target);
  const count = points.length / 2;
  const members = centres.map(() => 0);
  for (let row = 0; row < count; row++) {
    const distances = centres.map(([x, y]) =>
      Math.hypot((points[row * 2] as number) - x, (points[row * 2 + 1] as number) - y),
    );
    const nearest = distances.indexOf(Math.min(...distances));
    if ((distances[nearest] ?? Infinity) <= REACH * spread) {
      members[nearest] = (members[nearest] ?? 0) + 1;
    }
  }
  return [members.filter((share) => share >= LEAST_SHARE * count).length, centres.length];
}

/** The mean distance from a point to the nearest of the other pile, in both directions. */
export function pileDistance(points: Float64Array, others: Float64Array): number {
  return (meanNearest(points, others) + meanNearest(others, points)) / 2;
}

export function centreOf(points: Float64Array): [number, number] {
  let [x, y] = [0, 0];
  for (let at = 0; at < points.length; at += 2) {
    x += points[at] as number;
    y += points[at + 1] as number;
  }
  return [(x * 2) / points.length, (y * 2) / points.length];
}

function meanNearest(points: Float64Array, others: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < points.length; at += 2) {
    let nearest = Infinity;
    for (let other = 0; other < others.length; other += 2) {
      const x = (points[at] as number) - (others[other] as number);
      const y = (points[at + 1] as number) - (others[other + 1] as number);
      nearest = Math.min(nearest, x * x + y * y);
    }
    sum += Math.sqrt(nearest);
  }
  return (sum * 2) / points.length;
}
