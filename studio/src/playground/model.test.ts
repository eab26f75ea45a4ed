import { expect, test } from "vitest";
import { DIGITS } from "./digits";
import { move } from "./latents";
import { Model } from "./model";
import { latentFromSeed } from "./seeds";

const model = new Model(DIGITS);

test("a latent is a seed or a name, moved by its edits", () => {
  expect(model.latentOf("7")).toEqual(latentFromSeed(7, 4));
  expect(model.latentOf("up")).toEqual(Float32Array.of(1, 0, 0, 0));
  expect(model.latentOf("7~up:1~b:0.5")).toEqual(move(latentFromSeed(7, 4), [1.5, 0, 0, 0]));
});

test("only what the page has is a latent", () => {
  expect(["7", "up", "up~b:1", "7~up:-2"].filter((ref) => !model.has(ref))).toEqual([]);
  expect(["down", "7~down:1", "x y", "9007199254740992"].filter((ref) => model.has(ref))).toEqual(
    [],
  );
});

test("the chosen class comes before the saved one, and that one before the one of the seed", () => {
  expect(model.labelOf("up", "three")).toBe(2);
  expect(model.labelOf("up", null)).toBe(1);
  // Of 3 classes; edits do not change the class.
  expect(["7", "seventh", "7~up:1"].map((ref) => model.labelOf(ref, null))).toEqual([2, 2, 2]);
  expect(new Model({ ...DIGITS, classes: [] }).labelOf("7", null)).toBeNull();
});
