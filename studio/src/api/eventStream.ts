import { type EventSourceMessage, EventSourceParserStream } from "eventsource-parser/stream";
import type { Schemas } from "./client";
import { Problem } from "./problem";

type Named<Type, Data> = { job: string; type: Type; data: Data };

export type JobEvent =
  | Named<"state", Schemas["StateData"]>
  | Named<"progress", Schemas["ProgressData"]>
  | Named<"sample", Schemas["SampleData"]>
  | Named<"checkpoint", Schemas["CheckpointData"]>
  | Named<"health", Schemas["HealthData"]>
  | Named<"file", Schemas["FileData"]>
  | Named<"end", Schemas["EndData"]>
  /** Events may have passed unseen: what is known of the job is to be fetched anew. */
  | Named<"opened", null>;

export type Listener = (event: JobEvent) => void;

export const MAX_FOLLOWED_JOBS = 50;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;

/** The one stream of events of the page, of all jobs that it follows at present. A browser opens few
 * connections to one service, so the page must not open a stream for each job. */
export class EventStream {
  /** `open` requests the events of jobs that follow `lastEventId`, or that occur next. */
  constructor(
    private readonly open: (
      jobs: readonly string[],
      lastEventId: string | null,
      signal: AbortSignal,
    ) => Promise<Response>,
  ) {}

  private readonly listeners = new Map<string, Set<Listener>>();
  private lastEventId: string | null = null;
  private opening: AbortController | null = null;

  follow(job: string, listener: Listener): () => void {
    const listeners = this.listeners.get(job) ?? new Set();
    this.listeners.set(job, listeners.add(listener));
    if (listeners.size === 1) this.reopen();
    else listener({ job, type: "opened", data: null });
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.listeners.get(job) !== listeners) return;
      this.listeners.delete(job);
      this.reopen();
    };
  }

  /** Opens the stream anew, once for all jobs that are followed from this moment on. */
  private reopen(): void {
    this.opening?.abort();
    const opening = new AbortController();
    this.opening = opening;
    queueMicrotask(() => void this.read(opening.signal));
  }

  private async read(signal: AbortSignal): Promise<void> {
    let delay = FIRST_RETRY_MS;
    while (!signal.aborted && this.listeners.size > 0) {
      try {
        if (!(await this.readOnce(signal))) return;
        delay = FIRST_RETRY_MS;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Problem && error.status === 401) return; // until there is a key
        delay = Math.min(2 * delay, LAST_RETRY_MS);
      }
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }

  /** Reads until the connection ends; false once all jobs have ended. */
  private async readOnce(signal: AbortSignal): Promise<boolean> {
    const jobs = [...this.listeners.keys()].slice(0, MAX_FOLLOWED_JOBS);
    const response = await this.open(jobs, this.lastEventId, signal);
    for (const job of jobs) this.hand({ job, type: "opened", data: null });
    if (response.status === 204 || response.body === null) return false;
    const messages = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    const reader = messages.getReader();
    while (true) {
      const { done, value } = await reader.read();
      if (done) return true;
      this.receive(value);
    }
  }

  private receive(message: EventSourceMessage): void {
    this.lastEventId = message.id ?? this.lastEventId;
    if (message.event === undefined || message.data === "") return;
    const { job, data } = JSON.parse(message.data) as Schemas["MergedData"];
    this.hand({ job, type: message.event, data } as JobEvent);
  }

  private hand(event: JobEvent): void {
    for (const listener of this.listeners.get(event.job) ?? []) listener(event);
  }
}
