import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, data, type Schemas } from "../../api/client";

export type Preset = Schemas["PresetView"];
export type Job = Schemas["JobView"];
export type Dataset = Schemas["DatasetView"];

const POLL_MS = 2000;

export function usePresets() {
  return useQuery({
    queryKey: ["presets"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => data(api.GET("/v1/presets")),
  });
}

/** The datasets that a training can use at once. */
export function useReadyDatasets(): Dataset[] {
  const datasets = useQuery({
    queryKey: ["datasets", "ready"],
    queryFn: () => data(api.GET("/v1/datasets", { params: { query: { limit: 200 } } })),
    refetchInterval: 10_000,
  });
  return (datasets.data?.items ?? []).filter(({ status }) => status === "ready");
}

/** The newest trainings. */
export function useTrainings() {
  return useQuery({
    queryKey: ["jobs", "trainings"],
    queryFn: () => data(api.GET("/v1/jobs", { params: { query: { kind: "train", limit: 100 } } })),
    refetchInterval: POLL_MS,
  });
}

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

export function useTrain() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { dataset: string; model: string; preset: "mlp" | "mlp-relu" }) =>
      data(api.POST("/v1/jobs", { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
