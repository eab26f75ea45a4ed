import { useEffect, useRef } from "react";
import { request, serviceUrl } from "./client";
import { EventStream, type Listener } from "./eventStream";
import { useKey } from "./key";
import { pathOf } from "./paths";

const stream = new EventStream((jobs, lastEventId, signal) =>
  request(serviceUrl(`${pathOf("/v1/events", {})}?from=next&jobs=${jobs.join(",")}`), {
    headers: lastEventId === null ? {} : { "Last-Event-ID": lastEventId },
    signal,
  }),
);

/** Calls `onEvent` with the events of these jobs from now on, and with `opened` whenever events may
 * have passed before. */
export function useJobEvents(jobs: readonly string[], onEvent: Listener): void {
  const newest = useRef(onEvent);
  useEffect(() => {
    newest.current = onEvent;
  });
  const { key } = useKey();
  const followed = jobs.join(",");
  // biome-ignore lint/correctness/useExhaustiveDependencies: another key opens the stream anew
  useEffect(() => {
    const ids = followed === "" ? [] : followed.split(",");
    const leave = ids.map((job) => stream.follow(job, (event) => newest.current(event)));
    return () => {
      for (const stop of leave) stop();
    };
  }, [followed, key]);
}
