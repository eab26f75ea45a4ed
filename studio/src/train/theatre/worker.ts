const BEGINS = /^\S+ (.+?): train begins/gm;

/** The worker that a log names last, which may run on another machine. */
export function workerOf(log: string): string | null {
  return [...log.matchAll(BEGINS)].at(-1)?.[1] ?? null;
}
