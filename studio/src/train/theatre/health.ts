import type { Checkpoint, Job, JobRequest } from "../../api/client";
import { continuedRequest, trainingRequest } from "../../api/retry";
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

/** A training like this one with the proposed overrides, which reacts by itself when a signal rises;
 * from one of its checkpoints for what is left of it, or from the start. */
export function restartRequest(
  job: Job,
  checkpoint: Checkpoint | null,
  proposal: Alert["proposal"],
): JobRequest {
  const request = checkpoint === null ? trainingRequest(job) : continuedRequest(job, checkpoint);
  return { ...request, overrides: { ...request.overrides, ...proposal, stability: "auto" } };
}
