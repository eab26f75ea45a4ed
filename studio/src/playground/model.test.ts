import { expect, test } from "vitest";
import type { Content } from "./content";
import { move } from "./latents";
import { Model } from "./model";
import { latentFromSeed } from "./seeds";
import { formatView, inMode, parseView } from "./view";

const UP = "AACAPwAAAAAAAAAAAAAAAA=="; // 1, 0, 0, 0
const CONTENT: Content = {
  model: "digits",
  checkpoint: "5cf3",
  sha256: "ab",
  images_seen: 1,
  created_at: "",
  shape: [2, 2, 1],
  latent_dim: 4,
  classes: ["one", "two", "three"],
  preset: "mlp",
  architecture: "mlp",
  dataset: null,
  latents: [
    { name: "up", seed: null, vector: UP, class: "two", note: null },
    { name: "seventh", seed: 7, vector: null, class: null, note: null },
  ],
  directions: [
    { name: "up", vector: UP },
    { name: "b", vector: UP },
  ],
  left_out: { latents: 0, directions: 0 },
  licence: "",
  moggy: "0.1",
};
const model = new Model(CONTENT);

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
  expect(new Model({ ...CONTENT, classes: [] }).labelOf("7", null)).toBeNull();
});

test("the address says what is shown, and what is not valid in it counts as absent", () => {
  const fragment = "#picks=up%7Eb%3A1..7&mode=morph&active=1&class=two&truncation=0.7&at=0.25";
  const view = parseView(fragment, model);
  expect(view).toMatchObject({ picks: ["up~b:1", "7"], mode: "morph", active: 1, at: 0.25 });
  expect(parseView(formatView(view), model)).toEqual(view);
  expect(parseView("#picks=down&mode=x&class=x&truncation=7", model)).toEqual(parseView("", model));
});

test("a morph has two pictures at least and a pad four at first", () => {
  const view = parseView("#picks=up", model);
  expect(inMode(view, "morph", model).picks).toEqual(["up", "seventh"]);
  expect(inMode(view, "pad", model).picks).toEqual(["up", "seventh", "0", "1"]);
  expect(inMode({ ...view, picks: ["up", "7"] }, "pad", model).picks).toEqual(["up", "7"]);
});
