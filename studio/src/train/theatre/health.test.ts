import { expect, test } from "vitest";
import type { Checkpoint, Job } from "../../api/client";
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

const CONFIG = { architecture: "dcgan", images: 100, batch_size: 8, seed: 1, r1: 1 };

test("a restart does what is left with the proposal, and reacts by itself", () => {
  const job = { dataset: "cats", model: "m", preset: "dcgan", config: CONFIG };
  const checkpoint = { id: "abc", images_seen: 40 };
  expect(restartRequest(job as unknown as Job, checkpoint as Checkpoint, { r1: 2 })).toMatchObject({
    resume_from: "abc",
    images: 60,
    overrides: { r1: 2, stability: "auto" },
  });
});

test("without a checkpoint it starts as the training did", () => {
  const job = { dataset: "cats", model: "m", preset: "dcgan", config: CONFIG, resume_from: null };
  expect(restartRequest(job as unknown as Job, null, null)).toMatchObject({
    resume_from: null,
    images: 100,
    overrides: { r1: 1, stability: "auto" },
  });
});
