import {
  keepPreviousData,
  queryOptions,
  useQueries,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data, type JobRequest, type Schemas } from "../api/client";
import { useJobEvents } from "../api/events";
import { Problem } from "../api/problem";

export type Quote = Schemas["Quote"];

const INGEST_POLL_MS = 10_000; // the stream of events may be shut
const QUOTE_STALE_MS = 600_000; // as long as the service remembers a measurement

/** A dataset, and while it is packed, how far that is. */
export function useDataset(name: string) {
  const client = useQueryClient();
  const queryKey = ["dataset", name];
  const query = useQuery({
    queryKey,
    queryFn: () => data(api.GET("/v1/datasets/{name}", { params: { path: { name } } })),
    refetchInterval: ({ state }) => state.data?.status === "ingesting" && INGEST_POLL_MS,
  });
  const job = query.data?.status === "ingesting" ? query.data.job : null;
  const progressKey = ["ingest", query.data?.job];
  useJobEvents(job === null ? [] : [job], (event) => {
    if (event.type === "progress") client.setQueryData(progressKey, event.data);
    if (event.type === "end" || event.type === "opened") {
      void client.invalidateQueries({ queryKey });
      void client.invalidateQueries({ queryKey: ["datasets"] });
    }
  });
  const progress = useQuery<Schemas["ProgressData"] | null>({
    queryKey: progressKey,
    queryFn: () => null,
    enabled: false,
  });
  return { ...query, ingest: progress.data ?? null };
}

export function useDeleteDataset() {
  const client = useQueryClient();
  return async (name: string) => {
    await api.DELETE("/v1/datasets/{name}", { params: { path: { name } } });
    client.removeQueries({ queryKey: ["dataset", name] });
    await client.invalidateQueries({ queryKey: ["datasets"] });
  };
}

const quoteOf = (body: JobRequest) =>
  queryOptions({
    queryKey: ["quote", body],
    queryFn: ({ signal }) => measure(body, signal),
    staleTime: QUOTE_STALE_MS,
    retry: (count, error) => error instanceof Problem && error.status === 503 && count < 3,
  });

/** The trainings whose step the service has measured: those that differ in length or name only. */
const measured = new Set<string>();
let lastMeasurement: Promise<unknown> = Promise.resolve();

/** Requests a dry run once the earlier ones have ended: the service measures one training at a time,
 * and refuses requests when several wait. */
function measure(body: JobRequest, signal: AbortSignal): Promise<Quote> {
  const { images: _, model: __, ...step } = body;
  const key = JSON.stringify(step);
  const run = async () => {
    signal.throwIfAborted();
    // Its end is awaited even if the page no longer needs it: the service does not stop measuring.
    const quote = await data(api.POST("/v1/jobs", { params: { query: { dry_run: true } }, body }));
    measured.add(key);
    return quote as Quote;
  };
  if (measured.has(key)) return run();
  const quote = lastMeasurement.then(run);
  lastMeasurement = quote.catch(() => undefined);
  return quote;
}

/** What a training would take. A step of it is measured where it would run, which takes seconds. */
export function useQuote(body: JobRequest) {
  return useQuery({ ...quoteOf(body), placeholderData: keepPreviousData });
}

/** What other trainings would take, measured after each other once `enabled`. */
export function useQuotes(bodies: readonly JobRequest[], enabled: boolean) {
  const client = useQueryClient();
  const missing = bodies.findIndex((body) => {
    const state = client.getQueryState(quoteOf(body).queryKey);
    return state === undefined || state.status === "pending";
  });
  return useQueries({
    queries: bodies.map((body, index) => ({
      ...quoteOf(body),
      enabled: enabled && (missing === -1 || index <= missing),
    })),
  });
}

export function useMetrics(job: string | null) {
  return useQuery({
    queryKey: ["metrics", job],
    queryFn: async () => {
      const path = { job_id: job ?? "" };
      const answer = await data(api.GET("/v1/jobs/{job_id}/metrics", { params: { path } }));
      return (answer as Schemas["Metrics"]).series;
    },
    enabled: job !== null,
  });
}
