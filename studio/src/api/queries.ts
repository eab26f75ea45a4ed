import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { editParameters, latentOf } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import {
  api,
  binary,
  type Checkpoint,
  data,
  formOf,
  type Job,
  type Model,
  type NamedLatent,
  type Schemas,
} from "./client";
import { allItems } from "./pagination";
import { isMissing } from "./problem";

const JOB_POLL_MS = 1000;
const QUEUED_POLL_MS = 2000;
const FOLLOWED_POLL_MS = 15_000;
const DATASETS_POLL_MS = 10_000; // uploads from elsewhere appear by themselves

export function useModels() {
  return useQuery({
    queryKey: ["models"],
    queryFn: () =>
      allItems((cursor) =>
        data(api.GET("/v1/models", { params: { query: { limit: 200, cursor } } })),
      ),
    // A model that is being imported or trained appears by itself, and a service that has stopped
    // answering is noticed, and noticed to answer again.
    refetchInterval: (query) =>
      query.state.error === null && query.state.data?.items.some((model) => model.checkpoint)
        ? 15_000
        : JOB_POLL_MS,
  });
}

/** The name that the model of this name has now, if it was renamed; an old link has the old name. */
export function newName(models: readonly Model[], name: string | null): string | null {
  if (name === null || models.some((model) => model.name === name)) return null;
  return models.find((model) => model.former_names.includes(name))?.name ?? null;
}

export function useCheckpoints(model: string) {
  return useQuery({
    queryKey: ["checkpoints", model],
    queryFn: () =>
      allItems((cursor) =>
        data(
          api.GET("/v1/models/{name}/checkpoints", {
            params: { path: { name: model }, query: { limit: 200, cursor } },
          }),
        ),
      ),
    enabled: model !== "",
  });
}

/** The checkpoints that a training has stored, the newest first; undefined until they are known. */
export function useJobCheckpoints(job: Job): {
  checkpoints: Checkpoint[] | undefined;
  error: Error | null;
} {
  const { data: all, error } = useCheckpoints(job.model ?? "");
  // The model may have been deleted, and its checkpoints with it.
  if (job.model === null || isMissing(error)) return { checkpoints: [], error: null };
  return { checkpoints: all?.items.filter((checkpoint) => checkpoint.job === job.id), error };
}

export function useDatasets() {
  return useQuery({
    queryKey: ["datasets"],
    queryFn: () =>
      allItems((cursor) =>
        data(api.GET("/v1/datasets", { params: { query: { limit: 200, cursor } } })),
      ),
    refetchInterval: DATASETS_POLL_MS,
  });
}

export function usePresets() {
  return useQuery({
    queryKey: ["presets"],
    queryFn: () => data(api.GET("/v1/presets")),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The jobs that are running or queued; asked for while there is no model. */
export function useCurrentJobs(enabled: boolean) {
  return useQuery({
    queryKey: ["jobs", "current"],
    queryFn: () => data(api.GET("/v1/jobs", { params: { query: { limit: 20 } } })),
    refetchInterval: JOB_POLL_MS,
    enabled,
  });
}

/** A job, read again until it has ended. Where its events keep it up to date (`isFollowed`), it is
 * read rarely; while it waits more often, since no event tells its place in the queue. */
export function useJob(id: string | null, { isFollowed = false } = {}) {
  return useQuery({
    queryKey: ["jobs", id],
    queryFn: () => data(api.GET("/v1/jobs/{job_id}", { params: { path: { job_id: id ?? "" } } })),
    enabled: id !== null,
    refetchInterval: (query) => {
      const status = query.state.data?.status;
      if (hasEnded(status)) return false;
      if (!isFollowed) return JOB_POLL_MS;
      return status === "queued" ? QUEUED_POLL_MS : FOLLOWED_POLL_MS;
    },
  });
}

export function hasEnded(status: string | undefined): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

const latentsOf = (model: string) =>
  queryOptions({
    queryKey: ["latents", model],
    queryFn: () =>
      allItems((cursor) =>
        data(
          api.GET("/v1/models/{name}/latents", {
            params: { path: { name: model }, query: { limit: 200, cursor } },
          }),
        ),
      ),
  });

export function useLatents(model: string) {
  return useQuery(latentsOf(model));
}

export function useSaveLatent(source: PictureSource, options: { replace?: boolean } = {}) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["SaveRequest"]) =>
      data(
        api.POST("/v1/models/{name}/latents", {
          params: { path: { name: source.model }, query: options },
          body: { class: source.className, ...body, checkpoint: source.checkpoint },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: latentsOf(source.model).queryKey }),
  });
}

export function useDeleteLatent(model: string) {
  const client = useQueryClient();
  return useMutation({
    // A description that is under way would find no latent.
    onMutate: () => client.cancelQueries({ queryKey: ["description"] }),
    // The latent as it was, so that it can be saved again.
    mutationFn: async (latent: string) => {
      const params = { path: { name: model, latent } };
      const deleted = await data(api.GET("/v1/models/{name}/latents/{latent}", { params }));
      await api.DELETE("/v1/models/{name}/latents/{latent}", { params });
      return deleted;
    },
    onSuccess: () => client.invalidateQueries({ queryKey: latentsOf(model).queryKey }),
  });
}

/** Saves a deleted latent again, with its values, class, note, tags and source. */
export function useRestoreLatent(model: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ image: _, ...latent }: NamedLatent) =>
      data(
        api.POST("/v1/models/{name}/latents.json", {
          params: { path: { name: model } },
          body: { latents: [latent] },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: latentsOf(model).queryKey }),
  });
}

/** The recipe of a picture, its passport and the nearest real pictures. */
export function useDescription(source: PictureSource, ref: string, enabled: boolean) {
  const query = {
    checkpoint: source.checkpoint,
    truncation: source.truncation,
    class: source.className,
    nearest: 4,
    edit: editParameters(ref),
  };
  return useQuery({
    queryKey: ["description", source, ref],
    enabled,
    queryFn: ({ signal }) => {
      const latent = latentOf(ref);
      return "seed" in latent
        ? data(
            api.GET("/v1/models/{name}/images/{seed}.json", {
              params: { path: { name: source.model, seed: latent.seed }, query },
              signal,
            }),
          )
        : data(
            api.GET("/v1/models/{name}/images/@{latent}.json", {
              params: { path: { name: source.model, latent: latent.name }, query },
              signal,
            }),
          );
    },
  });
}

/** Uploads a photo; its projection is then worked on. */
export function useProjectPhoto(source: PictureSource) {
  return useMutation({
    mutationFn: (photo: File) =>
      data(
        api.POST("/v1/models/{name}/projections", {
          params: { path: { name: source.model } },
          body: { picture: binary(photo), checkpoint: source.checkpoint },
          bodySerializer: formOf,
        }),
      ),
  });
}

export function useProjection(id: string | null) {
  return useQuery({
    queryKey: ["projection", id],
    queryFn: () =>
      data(
        api.GET("/v1/projections/{projection_id}", {
          params: { path: { projection_id: id ?? "" } },
        }),
      ),
    enabled: id !== null,
    refetchInterval: (query) => (hasEnded(query.state.data?.status) ? false : JOB_POLL_MS),
  });
}
