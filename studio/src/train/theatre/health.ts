import type { Job, JobRequest } from "../../api/client";
import type { Alert } from "../../sentences/health";

/** A health event of a training. */
export interface Finding {
  alert: Alert;
  signal: NonNullable<Alert["signal"]> | null;
  images: number | null;
  says: string;
  suggests: string | null;
  action: { field: string; before: string; after: string } | null;
}

export function findingOf(alert: Alert): Finding {
  const { action } = alert;
  return {
    alert,
    signal: alert.signal ?? null,
    images: alert.images_seen ?? null,
    says: alert.says ?? alert.message,
    suggests: alert.suggests ?? null,
    action: action
      ? {
          field: action.field,
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
