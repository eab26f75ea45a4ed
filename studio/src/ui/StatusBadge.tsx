import type { Schemas } from "../api/client";
import { useScreenTexts } from "../i18n";
import { STATUS_TEXTS } from "./statusTexts";

type Job = Schemas["JobView"];

/** The state of a job, and the stop that is requested of a running one. */
export function StatusBadge({ job }: { job: Pick<Job, "status" | "stop_requested"> }) {
  const t = useScreenTexts(STATUS_TEXTS);
  const stopping = { pause: t.pausing, cancel: t.cancelling };
  return (
    <span className={`badge ${job.status}`}>
      {job.status === "running" && job.stop_requested
        ? stopping[job.stop_requested]
        : t[job.status]}
    </span>
  );
}
