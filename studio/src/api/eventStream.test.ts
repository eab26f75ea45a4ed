import { expect, test } from "vitest";
import { EventStream, type JobEvent } from "./eventStream";

interface Opened {
  jobs: readonly string[];
  lastEventId: string | null;
  send: (text: string) => void;
  end: () => void;
}

/** A service whose streams the test writes. */
function service() {
  const opened: Opened[] = [];
  const waiting: (() => void)[] = [];
  const stream = new EventStream(async (jobs, lastEventId, signal) => {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (started) => {
        controller = started;
      },
    });
    signal.addEventListener("abort", () => controller.error(signal.reason));
    opened.push({
      jobs,
      lastEventId,
      send: (text) => controller.enqueue(new TextEncoder().encode(text)),
      end: () => controller.close(),
    });
    for (const tell of waiting.splice(0)) tell();
    return new Response(body);
  });
  const next = async (count: number): Promise<Opened> => {
    while (opened.length < count) await new Promise<void>((tell) => waiting.push(tell));
    return opened[count - 1] as Opened;
  };
  return { stream, next };
}

/** A listener, and what it hears. */
function ear() {
  const heard: JobEvent[] = [];
  let tell: (() => void) | null = null;
  const listener = (event: JobEvent) => {
    heard.push(event);
    tell?.();
  };
  const until = async (count: number) => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        tell = resolve;
      });
    }
    return heard;
  };
  return { listener, until };
}

const progress = (job: string, id: string, seen: number) =>
  `event: progress\nid: ${id}\ndata: {"job":"${job}","data":{"images_seen":${seen}}}\n\n`;

test("the jobs that are followed together share a stream, and each hears its own events", async () => {
  const { stream, next } = service();
  const [first, second] = [ear(), ear()];
  stream.follow("a", first.listener);
  stream.follow("b", second.listener);
  const { jobs, send } = await next(1);
  expect(jobs).toEqual(["a", "b"]);
  send(progress("b", "a:0,b:7", 64));
  const heard = await second.until(2);
  expect(heard.map((event) => event.type)).toEqual(["opened", "progress"]);
  expect(heard[1]?.data).toEqual({ images_seen: 64 });
  expect((await first.until(1)).length).toBe(1);
});

test("a stream that breaks is continued after its last event", async () => {
  const { stream, next } = service();
  const { listener, until } = ear();
  stream.follow("a", listener);
  const broken = await next(1);
  broken.send(progress("a", "a:7", 64).slice(0, 20));
  broken.send(progress("a", "a:7", 64).slice(20));
  await until(2);
  broken.end();
  const { lastEventId } = await next(2);
  expect(lastEventId).toBe("a:7");
  expect((await until(3))[2]?.type).toBe("opened");
});

test("a job that is followed later opens the stream anew, one that is left leaves it", async () => {
  const { stream, next } = service();
  const leave = stream.follow("a", ear().listener);
  await next(1);
  stream.follow("b", ear().listener);
  expect((await next(2)).jobs).toEqual(["a", "b"]);
  leave();
  expect((await next(3)).jobs).toEqual(["b"]);
});
