import { expect, test } from "vitest";
import { markExample, marksOf } from "./marks";

const NONE = { teach: null, more: [], less: [], morph: [] };

test("a picture is marked for one side only, and a second time for none", () => {
  const marked = markExample({ more: ["1"], less: ["2"] }, "3", "more");
  expect(marked).toEqual({ more: ["1", "3"], less: ["2"] });
  expect(markExample(marked, "3", "less")).toEqual({ more: ["1"], less: ["2", "3"] });
  expect(markExample(marked, "3", "more")).toEqual({ more: ["1"], less: ["2"] });
});

test("a side takes at most as many examples as the service", () => {
  const more = Array.from({ length: 256 }, (_, seed) => String(seed));
  expect(markExample({ more, less: [] }, "1000", "more").more).toHaveLength(256);
});

test("marks are places in the morph, or sides while a direction is taught", () => {
  expect([...marksOf({ ...NONE, morph: ["7", "9", "7"] })]).toEqual([
    ["7", "1"],
    ["9", "2"],
  ]);
  const marks = marksOf({ ...NONE, teach: "more", more: ["1"], less: ["2"], morph: ["7"] });
  expect([...marks]).toEqual([
    ["1", "+"],
    ["2", "−"],
  ]);
});
