import type { en } from "./en";

type Remedy = keyof typeof en & `remedy_${string}`;

/** What helps against an error, by what its sentence contains; the first that matches. */
const REMEDIES: readonly [RegExp, Remedy][] = [
  [/out of memory|SIGKILL|cannot allocate/i, "remedy_memory"],
  [/disk|no space left/i, "remedy_disk"],
  [/on the machine of the worker/i, "remedy_missing"],
  [/diverges|not finite/i, "remedy_diverged"],
  [/at the last of \d+ attempts/i, "remedy_crash"],
];

/** The remedy for the error of a job; null where the error itself says what to do. */
export function remedyOf(error: string): Remedy | null {
  return REMEDIES.find(([pattern]) => pattern.test(error))?.[1] ?? null;
}
