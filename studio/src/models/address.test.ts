import { expect, test } from "vitest";
import { MODELS_CODEC } from "./address";

test("a model and its score are read from the address that they were written to", () => {
  const view = { model: "cats", score: "recall" } as const;
  const query = MODELS_CODEC.format(view);
  expect(query).toBe("?screen=models&model=cats&score=recall");
  expect(MODELS_CODEC.parse(query)).toEqual(view);
});

test("without a score, or with an unknown one, the chart shows the KID", () => {
  expect(MODELS_CODEC.parse("?screen=models&score=beauty")).toEqual({ model: null, score: "kid" });
  expect(MODELS_CODEC.format({ model: null, score: "kid" })).toBe("?screen=models");
});
