import type { TargetName } from "./names";
import type { Random } from "./random";

/** Real points, whose distribution the generator is to learn, within about ±1.3 on each axis. */
export interface Target {
  /** The centres of its clusters; without clusters there are none. */
  centres: readonly (readonly [number, number])[];
  /** The standard deviation of a cluster, and that of the moons' thickness. */
  spread: number;
}

const MOON_SHIFT = { x: 0.5, y: 0.25 };

const TARGET: Record<TargetName, Target> = {
  ring: {
    centres: Array.from({ length: 8 }, (_, index) => {
      const angle = (index / 8) * 2 * Math.PI;
      return [Math.cos(angle), Math.sin(angle)] as const;
    }),
    spread: 0.06,
  },
  moons: { centres: [], spread: 0.06 },
  grid: {
    centres: [-0.9, 0, 0.9].flatMap((y) => [-0.9, 0, 0.9].map((x) => [x, y] as const)),
    spread: 0.07,
  },
  cloud: { centres: [[0.45, 0.35]], spread: 0.16 },
};

export function targetOf(name: TargetName): Target {
  return TARGET[name];
}

/** `count` real points (count, 2). */
export function drawReal(name: TargetName, count: number, random: Random): Float64Array {
  const { centres, spread } = TARGET[name];
  const points = new Float64Array(count * 2);
  for (let row = 0; row < count; row++) {
    const [x, y] =
      name === "moons" ? onMoon(random) : (centres[random.index(centres.length)] ?? []);
    points[row * 2] = (x ?? 0) + random.normal() * spread;
    points[row * 2 + 1] = (y ?? 0) + random.normal() * spread;
  }
  return points;
}

/** A place on one of two half circles that reach into each other. */
function onMoon(random: Random): readonly [number, number] {
  const angle = random.uniform() * Math.PI;
  const side = random.uniform() < 0.5 ? 1 : -1;
  const x = side * (0.85 * Math.cos(angle) - MOON_SHIFT.x * 0.85);
  return [x, side * (0.85 * Math.sin(angle) - MOON_SHIFT.y * 0.85)];
}
