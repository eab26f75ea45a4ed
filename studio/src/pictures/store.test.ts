import { expect, test, vi } from "vitest";
import { PictureStore } from "./store";

const MISSING = new Error("there is no such latent");

function harness(limit = 100) {
  const batches: { refs: string[]; resolve: () => void; reject: (error: Error) => void }[] = [];
  const released: string[] = [];
  const store = new PictureStore<string>({
    fetchBatch: (refs) =>
      new Promise((resolve, reject) => {
        batches.push({ refs, resolve: () => resolve(refs.map((ref) => `#${ref}`)), reject });
      }),
    release: (picture) => released.push(picture),
    batchSize: 3,
    concurrency: 1,
    limit,
    retryDelay: (failures, error) => (failures < 2 && error !== MISSING ? 0 : null),
    isOfOneLatent: (error) => error === MISSING,
  });
  return { store, batches, released };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

test("pictures are requested in batches in their order, those wanted later first", async () => {
  const { store, batches } = harness();
  for (const ref of ["1", "2", "3", "4", "5"]) store.want(ref, () => {});
  await settled();
  expect(batches.map((batch) => batch.refs)).toEqual([["1", "2", "3"]]);
  for (const ref of ["6", "7"]) store.want(ref, () => {});
  batches[0]?.resolve();
  await settled();
  expect(batches[1]?.refs).toEqual(["6", "7", "4"]);
});

test("a picture that is no longer wanted is never requested", async () => {
  const { store, batches } = harness();
  for (const ref of ["1", "2", "3"]) store.want(ref, () => {});
  await settled();
  const forget = store.want("4", () => {});
  store.want("5", () => {});
  forget();
  batches[0]?.resolve();
  await settled();
  expect(batches[1]?.refs).toEqual(["5"]);
});

test("every listener of a picture is told, a later one at once", async () => {
  const { store, batches } = harness();
  const first = vi.fn();
  const second = vi.fn();
  store.want("7", first);
  await settled();
  store.want("7", second);
  batches[0]?.resolve();
  await settled();
  expect(first).toHaveBeenCalledWith("#7");
  expect(second).toHaveBeenCalledWith("#7");
  const third = vi.fn();
  store.want("7", third);
  expect(third).toHaveBeenCalledWith("#7");
  expect(batches).toHaveLength(1);
});

test("beyond the limit the least recently used pictures go, those that are shown stay", async () => {
  const { store, batches, released } = harness(2);
  store.want("1", () => {});
  for (const ref of ["2", "3"]) store.want(ref, () => {})();
  const forget = ["2", "3"].map((ref) => store.want(ref, () => {}));
  await settled();
  batches[0]?.resolve();
  await settled();
  for (const end of forget) end();
  store.want("4", () => {});
  await settled();
  batches[1]?.resolve();
  await settled();
  expect(released).toEqual(["#2", "#3"]);
  expect(store.get("1")).toBe("#1");
});

test("a failed batch is requested again; then its pictures are given up", async () => {
  const { store, batches } = harness();
  const listener = vi.fn();
  store.want("7", listener);
  await settled();
  batches[0]?.reject(new Error("the queue is full"));
  await settled();
  await settled();
  expect(batches[1]?.refs).toEqual(["7"]);
  batches[1]?.reject(new Error("the queue is full"));
  await settled();
  expect(listener.mock.calls).toEqual([[null]]);
});

test("a missing latent fails alone; the others of its batch are requested singly", async () => {
  const { store, batches } = harness();
  const listeners = [vi.fn(), vi.fn()] as const;
  store.want("gone", listeners[0]);
  store.want("7", listeners[1]);
  const forget = store.want("8", () => {});
  await settled();
  forget();
  batches[0]?.reject(MISSING);
  await settled();
  batches[1]?.reject(MISSING);
  await settled();
  batches[2]?.resolve();
  await settled();
  expect(batches.map((batch) => batch.refs)).toEqual([["gone", "7", "8"], ["gone"], ["7"]]);
  expect(listeners[0].mock.calls).toEqual([[null]]);
  expect(listeners[1].mock.calls).toEqual([["#7"]]);
  expect(store.failure()).toBeNull();
});

test("a failure that no latent is the cause of is told until a picture is made", async () => {
  const { store, batches } = harness();
  const watcher = vi.fn();
  store.watchFailure(watcher);
  const full = new Error("the queue is full");
  store.want("7", () => {});
  for (const index of [0, 1]) {
    await settled();
    await settled();
    batches[index]?.reject(full);
  }
  await settled();
  expect(store.failure()).toBe(full);
  store.want("8", () => {});
  await settled();
  batches[2]?.resolve();
  await settled();
  expect(store.failure()).toBeNull();
  expect(watcher).toHaveBeenCalledTimes(2);
});
