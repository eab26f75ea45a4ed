import { expect, test } from "vitest";
import { EMPTY, formatTrain, parseTrain } from "./address";

test("an address gives back what it was made of", () => {
  const state = {
    ...EMPTY,
    packing: { name: "digits", size: "28", near_duplicates: "drop" } as const,
    dataset: "my-cats",
    model: "tabbies",
    images: 860000,
    from: "cats",
    overrides: { width: "16", loss: "hinge" },
  };
  expect(parseTrain(formatTrain(state))).toEqual(state);
  expect(formatTrain(EMPTY)).toBe("?screen=train");
  const watching = { ...EMPTY, job: "c5a962664735f82d", compare: "ab12", at: 640 };
  expect(formatTrain(watching)).toBe("?screen=train&job=c5a962664735f82d&compare=ab12&at=640");
  expect(parseTrain(formatTrain(watching))).toEqual(watching);
});

test("values that are not valid count as absent", () => {
  const query =
    "?screen=train&dataset=My%20Cats&job=../x&images=-3&at=1e9&set=width&set=:3&pack=size:65&pack=colour:red";
  expect(parseTrain(query)).toEqual(EMPTY);
});
