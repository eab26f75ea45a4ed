import { useMemo } from "react";
import { useGoodSeeds, useSearch } from "../api/search";
import type { LatentRef } from "../pictures/latent";
import type { PictureSource } from "../pictures/source";
import type { View } from "../state/view";

/** The pictures that the wall shows in place of all. */
export interface Found {
  /** Chosen ones, what a search found, or the seeds whose pictures are good enough. */
  kind: "chosen" | "search" | "good";
  refs: readonly LatentRef[];
  /** The number of samples that were searched; null: not known. */
  samples: number | null;
  isPending: boolean;
  error: Error | null;
  tryAgain: () => void;
  /** Asks for more of them, if there are more. */
  more: () => void;
}

const nothing = () => {};

/** What the wall shows in place of all pictures; null: all of them. */
export function useFound(source: PictureSource, view: View): Found | null {
  const { color, like, findClass, minQuality, only, from } = view;
  const searched = color !== null || like !== null || findClass !== null;
  const kind = only !== null ? "chosen" : searched ? "search" : minQuality > 0 ? "good" : null;
  const search = useSearch(
    source,
    kind === "search" ? { color, like, findClass, minQuality } : null,
  );
  const good = useGoodSeeds(source, from, minQuality, kind === "good");
  const refs = useMemo(() => {
    if (kind === "chosen") return only ?? [];
    const seeds =
      kind === "search" ? search.data?.items.map(({ seed }) => seed) : good.data?.pages.flat();
    return seeds?.map(String) ?? [];
  }, [kind, only, search.data, good.data]);
  if (kind === null) return null;
  if (kind === "chosen") {
    return {
      kind,
      refs,
      samples: null,
      isPending: false,
      error: null,
      tryAgain: nothing,
      more: nothing,
    };
  }
  const { isPending, error, refetch } = kind === "search" ? search : good;
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = good;
  return {
    kind,
    refs,
    samples: search.data?.samples ?? null,
    isPending,
    error,
    tryAgain: () =>
      void (kind === "good" && isFetchNextPageError
        ? fetchNextPage({ cancelRefetch: false })
        : refetch({ cancelRefetch: false })),
    more: () => {
      // After an error, only the user repeats the request: the wall asks whenever it has settled.
      if (kind === "good" && hasNextPage && !isFetching && error === null) void fetchNextPage();
    },
  };
}
