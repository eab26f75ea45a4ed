import { expect, test } from "vitest";
import { workerOf } from "./worker";

test("a log names the worker that trains at last", () => {
  const log = [
    "2026-11-30T08:23:27+00:00 worker a: train begins, attempt 1 (epoch 1)",
    "2026-11-30T08:25:15+00:00 worker a: the child process has stopped",
    "2026-11-30T08:39:43+00:00 worker gpu-2: train begins, attempt 1 (epoch 2)",
  ].join("\n");
  expect(workerOf(log)).toBe("worker gpu-2");
  expect(workerOf("")).toBeNull();
});
