import {
  keepPreviousData,
  useMutation,
  useMutationState,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data, type Job, type JobRequest, type Schemas } from "./client";
import { hasEnded } from "./queries";

/** The first part of the keys of the queries that list jobs on the screen Jobs. */
export const JOB_LISTS = ["job-lists"];
const MOVE = ["move job"];
const LOG_POLL_MS = 5000; // a log is stored every ten seconds

function useRefreshJobs() {
  const client = useQueryClient();
  return async () => {
    await Promise.all([
      client.invalidateQueries({ queryKey: JOB_LISTS }),
      client.invalidateQueries({ queryKey: ["jobs"] }),
    ]);
  };
}

/** The newest trainings. Without `pollMs` they are read again only when a job changes here. */
export function useTrainings(pollMs: number | false = false) {
  return useQuery({
    queryKey: ["jobs", "trainings"],
    queryFn: () => data(api.GET("/v1/jobs", { params: { query: { kind: "train", limit: 100 } } })),
    refetchInterval: pollMs,
  });
}

/** The sample grids of a training, from the first to the newest. */
export function useSamples(job: string | null, pollMs: number | false = false) {
  return useQuery({
    queryKey: ["samples", job],
    queryFn: async () => {
      const path = { job_id: job ?? "" };
      return (await data(api.GET("/v1/jobs/{job_id}/samples", { params: { path } }))).items;
    },
    enabled: job !== null,
    refetchInterval: pollMs,
  });
}

/** A key for the requests of one job. */
export function newRequestKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Queues a job; returns it, so that it can be opened. Requests with the same key make one job. */
export function useQueueJob() {
  const refresh = useRefreshJobs();
  return useMutation({
    mutationFn: async ({ body, key }: { body: JobRequest; key?: string }) => {
      const header = key === undefined ? {} : { "idempotency-key": key };
      // The response is an estimate only where a dry run is requested.
      return (await data(
        api.POST("/v1/jobs", { params: { header }, body }),
      )) as Schemas["CreatedJob"];
    },
    onSuccess: refresh,
  });
}

/** Ends, pauses or resumes exactly one job. */
export function useJobAction(id: string) {
  const client = useQueryClient();
  const refresh = useRefreshJobs();
  return useMutation({
    mutationFn: (action: "cancel" | "pause" | "resume") =>
      data(api.POST(`/v1/jobs/{job_id}/${action}`, { params: { path: { job_id: id } } })),
    onSuccess: async (job) => {
      client.setQueryData(["jobs", id], job);
      await refresh();
    },
    onError: refresh, // it may have ended meanwhile
  });
}

/** Moves a queued job to a place in its queue; 1 is the next to run. A move that is requested during
 * another begins when that has ended. */
export function useMoveJob() {
  const client = useQueryClient();
  const refresh = useRefreshJobs();
  return useMutation({
    mutationKey: MOVE,
    scope: { id: "queue order" },
    mutationFn: ({ id, position }: { id: string; position: number }) =>
      data(
        api.PATCH("/v1/jobs/{job_id}", { params: { path: { job_id: id } }, body: { position } }),
      ),
    onSuccess: async (job) => {
      client.setQueryData(["jobs", job.id], job);
      await refresh();
    },
    onError: refresh, // it may run meanwhile
  });
}

/** The ids of the jobs whose moves have not ended. */
export function useMovingJobs(): string[] {
  return useMutationState({
    filters: { mutationKey: MOVE, status: "pending" },
    select: ({ state }) => (state.variables as { id: string }).id,
  });
}

/** Searches for the directions of a model again. */
export function useSearchDirections(model: string, checkpoint: string | null) {
  const refresh = useRefreshJobs();
  return useMutation({
    mutationFn: () =>
      data(
        api.POST("/v1/models/{name}/find-directions", {
          params: {
            path: { name: model },
            query: checkpoint === null ? {} : { checkpoint },
          },
        }),
      ),
    onSuccess: refresh,
  });
}

/** The end of the job's log, read again while the job runs, and once it has ended. */
export function useLog(job: Job) {
  return useQuery({
    queryKey: ["job-log", job.id, job.status],
    queryFn: async ({ signal }) => {
      const params = { path: { job_id: job.id } };
      const { data: text } = await api.GET("/v1/jobs/{job_id}/log", {
        params,
        parseAs: "text",
        signal,
      });
      return text ?? ""; // the client has no data for an empty response
    },
    placeholderData: keepPreviousData,
    refetchInterval: hasEnded(job.status) ? false : LOG_POLL_MS,
  });
}

/** The job as a progress event leaves it. */
export function withProgress(job: Job, progress: Schemas["ProgressData"]): Job {
  return {
    ...job,
    progress: {
      images_seen: progress.images_seen ?? job.progress.images_seen,
      images_total: progress.images_total ?? job.progress.images_total,
      images_per_second: progress.images_per_second ?? null,
      eta_seconds: progress.eta_seconds ?? null,
    },
  };
}
