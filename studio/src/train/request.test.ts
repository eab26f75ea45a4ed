import { expect, test } from "vitest";
import type { Dataset, Preset } from "../api/client";
import { EMPTY } from "./address";
import { freeName, jobRequest, overrideValue, sortPresets } from "./request";

const dataset = { name: "cats", shape: [64, 64, 3] } as Dataset;
const preset = {
  name: "small-data",
  overrides: {
    width: { type: "integer" },
    loss: { enum: ["hinge"], type: "string" },
    conditional: { type: "boolean" },
    r1_final: { type: ["number", "null"] },
  },
} as unknown as Preset;

test("a request has what differs from the recipe, with the types of its fields", () => {
  const overrides = { width: "16", loss: "hinge", conditional: "true", stability: "auto" };
  expect(jobRequest(dataset, preset, "m", 640, { ...EMPTY, overrides })).toEqual({
    kind: "train",
    dataset: "cats",
    model: "m",
    preset: "small-data",
    images: 640,
    stability: "auto",
    overrides: { width: 16, loss: "hinge", conditional: true },
  });
});

test("a training that starts from a checkpoint has its recipe", () => {
  const request = jobRequest(dataset, preset, "m", 640, { ...EMPTY, from: "cats" });
  expect(request).not.toHaveProperty("preset");
  expect(request.resume_from).toBe("cats");
});

test("what does not fit is left for the service to refuse", () => {
  expect(overrideValue(preset.overrides.width, "wide")).toBe("wide");
  expect(overrideValue(preset.overrides.r1_final, "null")).toBeNull();
  expect(overrideValue(preset.overrides.r1_final, "0.5")).toBe(0.5);
});

test("digits have the articles' recipes first", () => {
  const presets = ["mlp", "dcgan", "small-data"].map((name) => ({ ...preset, name }));
  const digits = { ...dataset, shape: [28, 28, 1] };
  expect(sortPresets(presets, digits, false).first.map(({ name }) => name)).toEqual([
    "small-data",
    "mlp",
    "dcgan",
  ]);
  expect(sortPresets(presets, dataset, false).others.map(({ name }) => name)).toEqual(["mlp"]);
});

test("recipes for a GPU are among the first where there is one", () => {
  const presets = ["r3gan", "small-data"].map((name) => ({ ...preset, name }));
  expect(sortPresets(presets, dataset, true).others).toEqual([]);
  expect(sortPresets(presets, dataset, false).others.map(({ name }) => name)).toEqual(["r3gan"]);
});

test("a model gets a name of its own", () => {
  expect(freeName("cats", ["cats", "cats-2"])).toBe("cats-3");
  expect(freeName("x".repeat(64), ["x".repeat(64)])).toBe(`${"x".repeat(62)}-2`);
});
