import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import type { Job, Schemas } from "../api/client";
import type { JobEvent } from "../api/eventStream";
import { useJobEvents } from "../api/events";
import { withProgress } from "../api/jobs";
import { append, type Series } from "./series";

/** Keeps what is known of these trainings up to date with their events. */
export function useLiveTrainings(jobs: readonly string[]): void {
  const client = useQueryClient();
  useJobEvents(jobs, (event) => apply(client, event));
}

function apply(client: QueryClient, event: JobEvent): void {
  const { job } = event;
  switch (event.type) {
    case "progress":
      client.setQueryData<Series>(
        ["metrics", job],
        (series) => series && append(series, event.data),
      );
      client.setQueryData<Job>(["jobs", job], (view) => view && withProgress(view, event.data));
      return;
    case "sample":
      client.setQueryData<Schemas["SampleData"][]>(["samples", job], (samples) =>
        samples?.some(({ images_seen }) => images_seen === event.data.images_seen)
          ? samples
          : samples && [...samples, event.data],
      );
      return;
    case "checkpoint":
      void client.invalidateQueries({ queryKey: ["checkpoints", event.data.model] });
      void client.invalidateQueries({ queryKey: ["models"] });
      return;
    case "health":
      void client.invalidateQueries({ queryKey: ["jobs", job], exact: true });
      if (event.data.signal === "not_finite") {
        // The training went back: what it drew since is drawn anew.
        void client.invalidateQueries({ queryKey: ["metrics", job] });
        void client.invalidateQueries({ queryKey: ["samples", job] });
        void client.invalidateQueries({ queryKey: ["grid"] });
      }
      return;
    case "opened":
      void client.invalidateQueries({ queryKey: ["metrics", job] });
      void client.invalidateQueries({ queryKey: ["samples", job] });
      void client.invalidateQueries({ queryKey: ["jobs", job], exact: true });
      return;
    case "state":
    case "end":
      void client.invalidateQueries({ queryKey: ["jobs"] });
      void client.invalidateQueries({ queryKey: ["checkpoints"] });
  }
}
