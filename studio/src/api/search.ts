import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { type LatentRef, latentOf, MAX_SEED } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import { api, binary, data, formOf, type Schemas } from "./client";
import { Problem } from "./problem";

const SEARCH_SIZE = 120;
const PAGE_SIZE = 60; // pictures whose quality one request looks at

export interface Search {
  color: string | null;
  like: LatentRef | null;
  findClass: string | null;
  minQuality: number;
}

/** While an index is built, the error names its job: asking again before it ends is of no use. */
const retry = (count: number, error: Error) =>
  error instanceof Problem && error.job === null && [0, 503].includes(error.status) && count < 2;

/** The samples nearest to a colour and to a picture, or the best ones of a class. */
export function useSearch(source: PictureSource, search: Search | null) {
  return useQuery({
    queryKey: ["search", source.model, source.checkpoint, search],
    enabled: search !== null,
    queryFn: () =>
      data(
        api.POST("/v1/models/{name}/search", {
          params: { path: { name: source.model } },
          body: {
            k: SEARCH_SIZE,
            checkpoint: source.checkpoint,
            color: search?.color ?? null,
            latent: search?.like ? latentOf(search.like) : null,
            class: search?.findClass ?? null,
            min_quality: search?.minQuality ?? 0,
          },
        }),
      ),
    retry,
  });
}

/** The samples nearest to a picture that is uploaded, and to the rest of a search. */
export function usePictureSearch(source: PictureSource) {
  return useMutation({
    mutationFn: ({ picture, search }: { picture: File; search: Omit<Search, "like"> }) =>
      data(
        api.POST("/v1/models/{name}/search", {
          params: { path: { name: source.model } },
          body: {
            picture: binary(picture),
            k: SEARCH_SIZE,
            checkpoint: source.checkpoint,
            min_quality: search.minQuality,
            color: search.color,
            class: search.findClass,
          },
          bodySerializer: formOf,
        }),
      ),
  });
}

/** The seeds from `from` on whose pictures have at least a quality, page by page. */
export function useGoodSeeds(
  source: PictureSource,
  from: number,
  minQuality: number,
  enabled: boolean,
) {
  return useInfiniteQuery({
    queryKey: ["good", source, from, minQuality],
    enabled,
    initialPageParam: from,
    queryFn: async ({ pageParam, signal }) => {
      const call = api.POST("/v1/models/{name}/images", {
        params: { path: { name: source.model } },
        body: {
          count: PAGE_SIZE,
          seed: pageParam,
          min_quality: minQuality,
          format: "json",
          checkpoint: source.checkpoint,
          truncation: source.truncation,
          class: source.className,
        },
        signal,
      });
      const answer = (await data(call)) as unknown as Schemas["ImageAnswers"];
      return answer.items.map(({ seed }) => seed ?? 0).sort((one, other) => one - other);
    },
    // A picture that is not good enough is replaced by the next good one after those requested.
    getNextPageParam: (page) => {
      const next = (page.at(-1) ?? MAX_SEED) + 1;
      return next + PAGE_SIZE > MAX_SEED ? undefined : next;
    },
    retry,
  });
}
