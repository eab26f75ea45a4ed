import { expect, test } from "vitest";
import type { Job } from "../api/client";
import { inOrder, lastPlaces, steps } from "./queueOrder";

function queued(id: string, queue: Job["queue"], position: number): Job {
  return { id, queue, position, status: "queued" } as Job;
}

const JOBS = [
  queued("import", "light", 1),
  queued("second", "train", 2),
  queued("synthesis", "synthesize", 1),
  queued("first", "train", 1),
  queued("tenth", "train", 10),
];

test("each queue is listed by itself, in its order", () => {
  const ids = inOrder(JOBS).map(({ id }) => id);
  expect(ids).toEqual(["first", "second", "tenth", "synthesis", "import"]);
});

test("the last place of a queue is the greatest one", () => {
  expect([...lastPlaces(JOBS)]).toEqual([
    ["light", 1],
    ["train", 10],
    ["synthesize", 1],
  ]);
  expect(lastPlaces([{ ...JOBS[0], position: null } as Job]).size).toBe(0);
});

test("the first job only moves down, the last one only up, and the only one not at all", () => {
  expect(steps(1, 3)).toEqual({ down: 2 });
  expect(steps(2, 3)).toEqual({ front: 1, up: 1, down: 3 });
  expect(steps(3, 3)).toEqual({ front: 1, up: 2 });
  expect(steps(1, 1)).toEqual({});
  expect(steps(3, null)).toEqual({ front: 1, up: 2, down: 4 });
});
