import type { Schemas } from "../api/client";
import { type JobError, jobErrorOf } from "./jobErrors";
import { Said } from "./Said";

/** The kinds whose English sentence names more: a signal, a package, a file, or what is wrong. */
const DETAILED: ReadonlySet<string> = new Set<JobError["kind"]>([
  "broken_archive",
  "checkpoint_unreadable",
  "crashed",
  "data_missing",
  "dataset_unreadable",
  "not_scored",
  "packages_missing",
  "too_few_pictures",
  "unusable_model_file",
  "worker_failed",
]);

/** Why a job, or the job that makes a dataset, failed or waits. `brief`: without its details. */
export function JobErrorText({
  of: { error, error_facts },
  brief = false,
}: {
  of: Pick<Schemas["JobView"], "error" | "error_facts">;
  brief?: boolean;
}) {
  if (error === null) return null;
  const detail = !brief && error_facts !== null && DETAILED.has(error_facts.kind);
  return <Said english={error} japanese={jobErrorOf(error_facts)} detail={detail} />;
}
