import { expect, test } from "vitest";
import type { Schemas } from "./client";
import { continuedRequest, repeatedRequest, trainingRequest } from "./retry";

type Job = Schemas["JobView"];

const CONFIG = {
  preset: "mlp",
  architecture: "mlp",
  shape: [28, 28, 1],
  classes: [],
  images: 1000,
  batch_size: 32,
  seed: 7,
  width: 16,
  max_width: 512,
  skip_outputs: false,
  r1_final: null,
};

function job(changes: Partial<Job>): Job {
  return {
    id: "ab",
    kind: "train",
    status: "failed",
    model: "m",
    dataset: "d",
    preset: "mlp",
    resume_from: null,
    checkpoint: null,
    config: CONFIG,
    ...changes,
  } as Job;
}

test("a training is repeated with its whole configuration", () => {
  expect(trainingRequest(job({ resume_from: "c0" }))).toEqual({
    kind: "train",
    dataset: "d",
    model: "m",
    preset: "mlp",
    images: 1000,
    batch_size: 32,
    seed: 7,
    resume_from: "c0",
    overrides: { width: 16, r1_final: null }, // mlp networks refuse max_width and skip_outputs
  });
});

test("a training is continued for the images that it has not learnt from", () => {
  const checkpoint = { id: "c1", images_seen: 640 } as Schemas["CheckpointView"];
  const request = continuedRequest(job({}), checkpoint);
  expect([request.resume_from, request.images]).toEqual(["c1", 360]);
  const whole = continuedRequest(job({}), { ...checkpoint, images_seen: 1024 });
  expect(whole.images).toBe(1000);
});

test("a synthesis is repeated on its checkpoint, with the sample index of today", () => {
  const config = { images: 20, seed: 3, class: null, layout: "zip", min_quality: 10, index: "e3" };
  const synthesis = job({ kind: "synthesize", checkpoint: "c1", dataset: "d", config });
  expect(repeatedRequest(synthesis)).toEqual({
    kind: "synthesize",
    model: "m",
    checkpoint: "c1",
    images: 20,
    seed: 3,
    class: null,
    layout: "zip",
    min_quality: 10,
  });
});

test("an evaluation is repeated on its checkpoint and dataset", () => {
  const evaluation = job({ kind: "evaluate", checkpoint: "c1", config: { images: 500 } });
  expect(repeatedRequest(evaluation)).toEqual({
    kind: "evaluate",
    dataset: "d",
    model: "m",
    checkpoint: "c1",
    images: 500,
  });
});
