import { expect, test } from "vitest";
import type { Job } from "../../api/client";
import { findingOf, restartRequest } from "./health";

test("an event is read whether it has advice and an action or not", () => {
  const rollback = { message: "went back" };
  expect(findingOf(rollback)).toEqual({
    alert: rollback,
    signal: null,
    images: null,
    says: "went back",
    suggests: null,
    action: null,
  });
  const action = { field: "r1", before: 1, after: 2 };
  const alert = { signal: "mode_collapse", message: "few; more", says: "few", action } as const;
  const finding = findingOf(alert);
  expect(finding.action).toEqual({ field: "r1", before: "1", after: "2" });
});

test("a restart does what is left, and reacts by itself", () => {
  const job = { dataset: "cats", model: "m", progress: { images_seen: 40, images_total: 100 } };
  expect(restartRequest(job as Job, "abc")).toMatchObject({
    resume_from: "abc",
    images: 60,
    stability: "auto",
  });
});
