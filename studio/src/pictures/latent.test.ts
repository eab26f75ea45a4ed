import { expect, test } from "vitest";
import {
  baseOf,
  captionOf,
  editParameters,
  editsOf,
  isRef,
  latentOf,
  withEdit,
  withRenamed,
} from "./latent";

test("edits are part of how a latent is written", () => {
  const ref = withEdit(withEdit("7", "white", 1.499), "ginger", -0.5);
  expect(ref).toBe("7~white:1.5~ginger:-0.5");
  expect([baseOf(ref), editsOf(ref)]).toEqual(["7", { white: 1.5, ginger: -0.5 }]);
  expect(latentOf(ref)).toEqual({ seed: 7, edits: { white: 1.5, ginger: -0.5 } });
  expect(editParameters(ref)).toEqual(["white:1.5", "ginger:-0.5"]);
  expect([captionOf(ref), captionOf("7"), captionOf("white")]).toEqual(["#7 *", "#7", "white"]);
});

test("an amount of 0 is no edit", () => {
  expect(withEdit("white~old:2", "old", 0)).toBe("white");
  expect(latentOf("white")).toEqual({ name: "white" });
});

test("edits follow a direction that is renamed, and end with one that is deleted", () => {
  expect(withRenamed("7~white:1.5~old:1", "white", "pale")).toBe("7~old:1~pale:1.5");
  expect(withRenamed("7~white:1.5", "white", null)).toBe("7");
  expect(withRenamed("7", "white", "pale")).toBe("7");
});

test("what is neither a seed nor a name, or has an edit that is not valid, is no latent", () => {
  const valid = ["0", "9007199254740991", "white", "tabby-white~white:-3"];
  expect(valid.filter((text) => !isRef(text))).toEqual([]);
  const invalid = ["", "9007199254740992", "A", "a..b", "7~white", "7~white:11", "7~:1", "7~w:x"];
  expect(invalid.filter(isRef)).toEqual([]);
});
