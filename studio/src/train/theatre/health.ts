import type { Job, JobRequest } from "../../api/client";

/** A health event of a training. */
export interface Finding {
  signal: string | null;
  images: number | null;
  says: string;
  suggests: string | null;
  action: { field: string; before: string; after: string } | null;
}

export function findingOf(event: Readonly<Record<string, unknown>>): Finding {
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  const action = event.action as Readonly<Record<string, unknown>> | null | undefined;
  return {
    signal: text(event.signal),
    images: typeof event.images_seen === "number" ? event.images_seen : null,
    says: text(event.says) ?? text(event.message) ?? "",
    suggests: text(event.suggests),
    action: action
      ? {
          field: String(action.field),
          before: String(action.before),
          after: String(action.after),
        }
      : null,
  };
}

/** A training like this one, from one of its checkpoints, for what is left of it, which reacts by
 * itself when a signal rises. */
export function restartRequest(job: Job, checkpoint: string): JobRequest {
  const { images_seen, images_total } = job.progress;
  const left = (images_total ?? 0) - images_seen;
  return {
    kind: "train",
    dataset: job.dataset,
    model: job.model,
    resume_from: checkpoint,
    stability: "auto",
    images: Math.max(1, left > 0 ? left : (images_total ?? 1)),
  };
}
