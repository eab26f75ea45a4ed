import type { Job } from "../api/client";

const QUEUES: readonly Job["queue"][] = ["train", "evaluate", "synthesize", "light"];

/** Queued jobs, one queue after the other, the next to run first. */
export function inOrder(jobs: readonly Job[]): Job[] {
  return jobs.toSorted(
    (one, other) =>
      QUEUES.indexOf(one.queue) - QUEUES.indexOf(other.queue) ||
      (one.position ?? 0) - (other.position ?? 0),
  );
}

/** The places of each queue's last job, as far as jobs are listed. */
export function lastPlaces(jobs: readonly Job[]): Map<Job["queue"], number> {
  const last = new Map<Job["queue"], number>();
  for (const { queue, position } of jobs) {
    if (position !== null) last.set(queue, Math.max(position, last.get(queue) ?? 0));
  }
  return last;
}

export type Step = "front" | "up" | "down";

/** The places to which a queued job can be moved from its own; `last` is null if it is not known. */
export function steps(position: number, last: number | null): Partial<Record<Step, number>> {
  return {
    ...(position > 1 ? { front: 1, up: position - 1 } : {}),
    ...(last === null || position < last ? { down: position + 1 } : {}),
  };
}
