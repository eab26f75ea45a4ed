import { expect, test } from "vitest";
import { originOf } from "./lineage";

const DATASET = { name: "kittens", images: 3000, content_hash: "ab" };

test("the origin is that of the first import", () => {
  const first = { model: "cats", dataset: DATASET, imported: null };
  const expected = { model: "cats", dataset: { name: "kittens", images: 3000 } };
  expect(originOf(first)).toEqual(expected);
  expect(originOf({ model: "cats-2", dataset: null, imported: first })).toEqual(expected);
});

test("what is not of the expected type is left out", () => {
  expect(originOf(null)).toBeNull();
  expect(originOf({ model: 7, dataset: { name: ["x"], images: "many" } })).toEqual({
    model: null,
    dataset: null,
  });
});
