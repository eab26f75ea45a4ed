import { useQuery } from "@tanstack/react-query";
import { api, data, type Job } from "../../api/client";

export const POLL_MS = 2000;

/** The latest sample grid of a training; it is asked for again while the training goes on. */
export function useLatestSample(job: Job | null) {
  const id = job?.id ?? "";
  return useQuery({
    queryKey: ["samples", id, "latest"],
    enabled: job !== null,
    refetchInterval: job?.status === "running" ? POLL_MS : false,
    queryFn: async () => {
      const path = { job_id: id };
      const samples = await data(api.GET("/v1/jobs/{job_id}/samples", { params: { path } }));
      return samples.items.at(-1) ?? null;
    },
  });
}
