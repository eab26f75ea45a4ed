import { expect, test } from "vitest";
import type { Dataset, Job, Model } from "../../api/client";
import { bySuitability, modelOf, trainingOf } from "./recipes";

const dataset = (name: string, shape: number[]) => ({ name, shape }) as Dataset;
const job = (id: string, preset: string, status: string, seen: number) =>
  ({ id, preset, status, progress: { images_seen: seen } }) as unknown as Job;

test("grey pictures of 28×28 are offered first", () => {
  const datasets = [
    dataset("cats", [64, 64, 3]),
    dataset("shapes", [64, 64, 1]),
    dataset("mnist", [28, 28, 1]),
  ];
  expect(bySuitability(datasets).map(({ name }) => name)).toEqual(["mnist", "shapes", "cats"]);
});

test("of the trainings of a recipe the one that goes on is shown, or else the newest", () => {
  const jobs = [
    job("d", "mlp-relu", "running", 5),
    job("c", "mlp", "cancelled", 0),
    job("b", "mlp", "succeeded", 9),
    job("a", "mlp", "succeeded", 9),
  ];
  expect(trainingOf("mlp", jobs)?.id).toBe("b");
  expect(trainingOf("mlp", [...jobs, job("e", "mlp", "paused", 0)])?.id).toBe("e");
  expect(trainingOf("mlp-relu", [])).toBeNull();
});

test("a model without a checkpoint has nothing to show", () => {
  const model = (name: string, checkpoint: string | null) =>
    ({ name, checkpoint, config: { preset: "mlp" } }) as unknown as Model;
  expect(modelOf("mlp", [model("new", null), model("old", "5c")])?.name).toBe("old");
  expect(modelOf("mlp-relu", [model("old", "5c")])).toBeNull();
});
