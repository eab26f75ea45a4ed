import type { JobError } from "../sentences/jobErrors";
import type { en } from "./en";

type Remedy = keyof typeof en & `remedy_${string}`;

/** What helps against an error; null where the error itself says what to do. */
const REMEDIES: Record<JobError["kind"], Remedy | null> = {
  out_of_memory: "remedy_memory",
  crashed: "remedy_crash",
  worker_lost: "remedy_memory",
  worker_failed: "remedy_crash",
  data_missing: null,
  packages_missing: "remedy_missing",
  disk_full: "remedy_disk",
  stalled: null,
  diverged: "remedy_diverged",
  not_scored: null,
  dataset_unreadable: null,
  checkpoint_unreadable: null,
  unusable_model_file: null,
  cancelled: null,
  too_few_pictures: null,
  all_alike: null,
  too_many_pictures: null,
  unpacks_too_large: null,
  broken_archive: null,
};

/** The remedy for the error of a job; null for an error of an unknown kind too. */
export function remedyOf(error: JobError | null): Remedy | null {
  return error === null ? null : (REMEDIES[error.kind] ?? null);
}
