import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { type LatentRef, latentOf } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import { api, data } from "./client";
import { allItems } from "./pagination";
import { hasEnded, useJob } from "./queries";

const directionsOf = (model: string) =>
  queryOptions({
    queryKey: ["directions", model],
    queryFn: () =>
      allItems((cursor) =>
        data(
          api.GET("/v1/models/{name}/directions", {
            params: { path: { name: model }, query: { limit: 200, cursor } },
          }),
        ),
      ),
  });

export function useDirections(model: string) {
  return useQuery(directionsOf(model));
}

/** The search for directions, and its job; when it ends, the directions are listed anew. */
export function useFindDirections(source: PictureSource) {
  const client = useQueryClient();
  const start = useMutation({
    mutationFn: () =>
      data(
        api.POST("/v1/models/{name}/find-directions", {
          params: { path: { name: source.model }, query: { checkpoint: source.checkpoint } },
        }),
      ),
  });
  const job = useJob(start.data?.id ?? null);
  const status = job.data?.status;
  useEffect(() => {
    if (hasEnded(status)) {
      void client.invalidateQueries({ queryKey: directionsOf(source.model).queryKey });
    }
  }, [status, client, source.model]);
  return { start, running: start.isPending || (start.isSuccess && !hasEnded(status)), job };
}

export interface Lesson {
  name: string;
  more: readonly LatentRef[];
  less: readonly LatentRef[];
  orthogonalTo: readonly string[];
}

/** Teaches a direction by pictures that show more of it, and by those that show less. */
export function useTeachDirection(source: PictureSource) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, more, less, orthogonalTo }: Lesson) =>
      data(
        api.POST("/v1/models/{name}/directions", {
          params: { path: { name: source.model } },
          body: {
            name,
            positive: more.map(latentOf),
            negative: less.map(latentOf),
            orthogonal_to: [...orthogonalTo],
            checkpoint: source.checkpoint,
            class: source.className,
          },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: directionsOf(source.model).queryKey }),
  });
}

export function useRenameDirection(model: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ direction, name }: { direction: string; name: string }) =>
      data(
        api.PATCH("/v1/models/{name}/directions/{direction}", {
          params: { path: { name: model, direction } },
          body: { name },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: directionsOf(model).queryKey }),
  });
}

export function useDeleteDirection(model: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (direction: string) =>
      api.DELETE("/v1/models/{name}/directions/{direction}", {
        params: { path: { name: model, direction } },
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: directionsOf(model).queryKey }),
  });
}
