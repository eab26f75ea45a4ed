import type { Schemas } from "../api/client";
import type { Codec } from "../state/address";
import { screenQuery } from "../state/screen";

export type Kind = Schemas["JobKind"];
export type Status = Schemas["Status"];

export const KINDS: readonly Kind[] = [
  "train",
  "ingest",
  "evaluate",
  "synthesize",
  "import",
  "export",
  "project",
  "directions",
  "index",
  "encoder",
];
/** The states of jobs that have not ended, in the order in which they are listed. */
export const LIVE: readonly Status[] = ["running", "queued", "paused"];
export const ENDED: readonly Status[] = ["succeeded", "failed", "cancelled"];

/** What the screen Jobs shows: the jobs that match every filter, and the one that is open. */
export interface JobsView {
  kind: Kind | null;
  status: Status | null;
  model: string | null;
  owner: string | null;
  job: string | null;
}

export type JobFilters = Omit<JobsView, "job">;

export const NO_FILTERS: JobFilters = { kind: null, status: null, model: null, owner: null };

export function isFiltered({ kind, status, model, owner }: JobFilters): boolean {
  return [kind, status, model, owner].some((filter) => filter !== null);
}

export const JOBS_CODEC: Codec<JobsView> = {
  parse: (query) => {
    const given = new URLSearchParams(query);
    const id = given.get("job");
    return {
      kind: KINDS.find((kind) => kind === given.get("kind")) ?? null,
      status: [...LIVE, ...ENDED].find((status) => status === given.get("status")) ?? null,
      model: given.get("model"),
      owner: given.get("owner"),
      job: id !== null && /^[0-9a-f]{1,32}$/.test(id) ? id : null,
    };
  },
  format: ({ kind, status, model, owner, job }) =>
    screenQuery("jobs", { kind, status, model, owner, job }),
};
