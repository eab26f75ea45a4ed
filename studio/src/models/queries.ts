import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";
import { api, data, request, serviceUrl } from "../api/client";
import type { JobEvent } from "../api/eventStream";
import { useJobEvents } from "../api/events";
import { pathOf } from "../api/paths";

/** Lists models and checkpoints anew. */
function useRefresh() {
  const client = useQueryClient();
  return useCallback(async () => {
    await Promise.all([
      client.invalidateQueries({ queryKey: ["models"] }),
      client.invalidateQueries({ queryKey: ["checkpoints"] }),
    ]);
  }, [client]);
}

/** Serves a checkpoint from now on; null: the best one. */
export function useServe(model: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (checkpoint: string | null) =>
      data(
        api.PATCH("/v1/models/{name}", {
          params: { path: { name: model } },
          body: { checkpoint },
        }),
      ),
    onSuccess: refresh,
  });
}

export function useRename(model: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (name: string) =>
      data(api.PATCH("/v1/models/{name}", { params: { path: { name: model } }, body: { name } })),
    onSuccess: refresh,
  });
}

export function useDeleteModel(model: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () => api.DELETE("/v1/models/{name}", { params: { path: { name: model } } }),
    onSuccess: refresh,
  });
}

/** The unfinished jobs of a model, so that its checkpoints appear as they are stored. */
export function useModelJobs(model: string): void {
  const refresh = useRefresh();
  const jobs = useQuery({
    queryKey: ["model-jobs", model],
    queryFn: () =>
      data(api.GET("/v1/jobs", { params: { query: { model, status: "running", limit: 10 } } })),
    refetchInterval: 10_000,
  });
  const onEvent = useCallback(
    ({ type }: JobEvent) => {
      if (type === "checkpoint" || type === "end") void refresh();
    },
    [refresh],
  );
  useJobEvents(jobs.data?.items.map(({ id }) => id) ?? [], onEvent);
}

export type ExportFormat = "bundle" | "onnx" | "safetensors";

export function exportPath(checkpoint: string, format: ExportFormat): string {
  const path = pathOf("/v1/checkpoints/{checkpoint_id}/export", { checkpoint_id: checkpoint });
  return `${path}?format=${format}`;
}

/** The bytes of an export; null where the service writes it while it is sent. */
export function useExportBytes(checkpoint: string, format: ExportFormat) {
  return useQuery({
    queryKey: ["export-bytes", checkpoint, format],
    enabled: format !== "bundle",
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      const address = serviceUrl(exportPath(checkpoint, format));
      const { headers } = await request(address, { method: "HEAD", signal });
      return Number(headers.get("Content-Length")) || null;
    },
  });
}

/** Lists models and checkpoints anew when `changed` does. */
export function useRefreshWhen(changed: unknown): void {
  const refresh = useRefresh();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is what the refresh follows
  useEffect(() => {
    void refresh();
  }, [changed, refresh]);
}
