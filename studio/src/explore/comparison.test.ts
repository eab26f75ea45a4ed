import { expect, test } from "vitest";
import type { Checkpoint, Model } from "../api/client";
import { DEFAULT_VIEW } from "../state/view";
import { canCompare, firstRival, leaveModel } from "./comparison";

const model = (name: string, checkpoint: string | null) => ({ name, checkpoint }) as Model;
const checkpoint = (id: string) => ({ id }) as Checkpoint;
const CATS = model("cats", "c2");

test("a checkpoint is compared with the newest other one of its model first", () => {
  const checkpoints = [checkpoint("c3"), checkpoint("c2"), checkpoint("c1")];
  const models = [CATS, model("dogs", "d1")];
  expect(firstRival(CATS, "c2", checkpoints, models)).toEqual({
    against: "cats",
    againstCheckpoint: "c3",
  });
  expect(firstRival(CATS, "c3", checkpoints, models)?.againstCheckpoint).toBe("c2");
});

test("the only checkpoint of a model is compared with another model that has one", () => {
  const models = [CATS, model("empty", null), model("dogs", "d1")];
  expect(firstRival(CATS, "c2", [checkpoint("c2")], models)).toEqual({
    against: "dogs",
    againstCheckpoint: null,
  });
  expect(firstRival(CATS, "c2", [checkpoint("c2")], [CATS])).toBeNull();
});

test("another model has the same seeds, and no saved latent or direction", () => {
  const source = {
    model: "cats",
    checkpoint: "c2",
    truncation: 1,
    shape: [64, 64],
    className: null,
  } as const;
  const other = { ...source, model: "dogs" };
  expect(canCompare("7", source, other)).toBe(true);
  expect(canCompare("white", source, other)).toBe(false);
  expect(canCompare("7~white:1", source, other)).toBe(false);
  expect(canCompare("7~white:1", source, { ...source, checkpoint: "c1" })).toBe(true);
});

test("a view of another model keeps the seeds, and nothing that has a name", () => {
  const named = {
    ...DEFAULT_VIEW,
    checkpoint: "c2",
    className: "tabby",
    show: "white",
    like: "7~white:1",
    morph: ["7", "white"],
    only: ["white"],
    findClass: "tabby",
    photo: "a1",
    teach: "more",
    more: ["7"],
    teachAs: "ginger",
    independentOf: ["white"],
    direction: "white",
  } as const;
  expect({ ...named, ...leaveModel(named) }).toEqual(DEFAULT_VIEW);
  const seeds = { ...DEFAULT_VIEW, show: "7", like: "8", color: "#e0a458", morph: ["7", "8"] };
  expect({ ...seeds, ...leaveModel(seeds) }).toEqual(seeds);
});
