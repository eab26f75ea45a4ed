import {
  type InfiniteData,
  keepPreviousData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { api, data, type Job, type Schemas } from "../api/client";
import { type JobEvent, MAX_FOLLOWED_JOBS } from "../api/eventStream";
import { useJobEvents } from "../api/events";
import { JOB_LISTS, withProgress } from "../api/jobs";
import { allItems } from "../api/pagination";
import { ENDED, type JobFilters, LIVE } from "./address";
import { inOrder } from "./queueOrder";

const PAGE = 30; // more than a screen shows
const NEW_JOBS_POLL_MS = 3000; // jobs that are queued elsewhere have no event yet
const UNFOLLOWED_POLL_MS = 15_000; // the states of jobs beyond those that are followed
const REFRESH_MS = 150; // events that come together cause one request

function query({ kind, model, owner }: JobFilters) {
  return {
    ...(kind === null ? {} : { kind }),
    ...(model === null ? {} : { model }),
    ...(owner === null ? {} : { owner }),
  };
}

/** The jobs that have not ended: running ones, then the queues in their order, then paused ones. */
export function useLiveJobs(filters: JobFilters) {
  const wanted = LIVE.filter((status) => filters.status === null || filters.status === status);
  return useQuery({
    queryKey: [...JOB_LISTS, "live", filters],
    queryFn: async () => {
      const lists = await Promise.all(
        wanted.map(async (status) => {
          const { items } = await allItems((cursor) =>
            data(
              api.GET("/v1/jobs", {
                params: {
                  query: {
                    ...query(filters),
                    status,
                    ...(cursor === null ? {} : { cursor }),
                    limit: 200,
                  },
                },
              }),
            ),
          );
          return status === "queued" ? inOrder(items) : items.toReversed();
        }),
      );
      return { items: lists.flat() };
    },
    placeholderData: keepPreviousData,
    refetchInterval: UNFOLLOWED_POLL_MS,
  });
}

/** The jobs that have ended, newest first, page by page. */
export function useEndedJobs(filters: JobFilters) {
  const { status } = filters;
  return useInfiniteQuery({
    queryKey: [...JOB_LISTS, "ended", filters],
    enabled: status === null || ENDED.includes(status),
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/v1/jobs", {
          params: {
            query: {
              ...query(filters),
              ...(status === null ? {} : { status }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
              limit: PAGE,
            },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

/** Lists the jobs anew once there is one that was queued elsewhere. */
export function useNewJobs(filters: JobFilters): void {
  const client = useQueryClient();
  const newest = useQuery({
    queryKey: ["newest-job", filters.kind, filters.model, filters.owner],
    queryFn: () =>
      data(api.GET("/v1/jobs", { params: { query: { ...query(filters), limit: 1 } } })),
    refetchInterval: NEW_JOBS_POLL_MS,
  });
  const id = newest.data?.items[0]?.id;
  const listed = useRef(id);
  useEffect(() => {
    if (listed.current !== undefined && listed.current !== id) {
      void client.invalidateQueries({ queryKey: JOB_LISTS });
    }
    listed.current = id;
  }, [id, client]);
}

/** The owners of all jobs that this page has listed, whatever the filters. */
export function useOwners(): string[] {
  const lists = useQueryClient().getQueriesData<Listed>({ queryKey: JOB_LISTS });
  const jobs = lists.flatMap(([, list]) =>
    list === undefined ? [] : "pages" in list ? itemsOf(list) : list.items,
  );
  return [...new Set(jobs.flatMap(({ owner }) => owner ?? []))].sort();
}

type Listed = { items: Job[] } | InfiniteData<{ items: Job[] }>;

/** Keeps these jobs fresh by their events; at most 50, the first ones. */
export function useFollowedJobs(jobs: readonly string[]): void {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onEvent = useCallback(
    (event: JobEvent) => {
      if (event.type === "progress") return patchProgress(client, event.job, event.data);
      void client.invalidateQueries({ queryKey: ["jobs", event.job] });
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        void client.invalidateQueries({ queryKey: JOB_LISTS });
      }, REFRESH_MS);
    },
    [client],
  );
  useEffect(() => () => clearTimeout(timer.current), []);
  useJobEvents(jobs.slice(0, MAX_FOLLOWED_JOBS), onEvent);
}

function patchProgress(client: QueryClient, id: string, progress: Schemas["ProgressData"]): void {
  const patched = (job: Job): Job => (job.id === id ? withProgress(job, progress) : job);
  client.setQueriesData<{ items: Job[] }>({ queryKey: [...JOB_LISTS, "live"] }, (list) =>
    list === undefined ? list : { items: list.items.map(patched) },
  );
  client.setQueryData<Job>(["jobs", id], (job) => job && patched(job));
}

/** The files that a synthesis has stored. */
export function useJobFiles(job: Job) {
  return useInfiniteQuery({
    queryKey: ["job-files", job.id, job.status],
    queryFn: ({ pageParam }) =>
      data(
        api.GET("/v1/jobs/{job_id}/files", {
          params: {
            path: { job_id: job.id },
            query: { limit: 50, ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

export function useDeleteJobFiles(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.DELETE("/v1/jobs/{job_id}/files", { params: { path: { job_id: id } } }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["job-files", id] });
      void client.invalidateQueries({ queryKey: ["jobs", id] });
    },
  });
}

/** All items of the pages that were fetched. */
export function itemsOf<Page extends { items: readonly unknown[] }>(
  pages: InfiniteData<Page> | undefined,
): Page["items"][number][] {
  return pages?.pages.flatMap((page) => page.items) ?? [];
}
