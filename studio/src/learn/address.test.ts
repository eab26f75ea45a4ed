import { expect, test } from "vitest";
import { DEFAULT_VIEW, formatLearn, type LearnView, parseLearn } from "./address";

const FULL: LearnView = {
  part: "collapse",
  provoke: "collapse",
  target: "moons",
  toySeed: 42,
  model: "cats",
  seed: 9007199254740991,
  layer: 0,
};

test("a view is the same after a way through the address", () => {
  expect(parseLearn(formatLearn(FULL))).toEqual(FULL);
  expect(formatLearn(DEFAULT_VIEW)).toBe("?screen=learn");
  expect(parseLearn("")).toEqual(DEFAULT_VIEW);
});

test("a value that is not valid counts as absent", () => {
  const query = "?part=nothing&provoke=boredom&target=square&toy-seed=99999999999&seed=-1&layer=x";
  expect(parseLearn(query)).toEqual(DEFAULT_VIEW);
});
