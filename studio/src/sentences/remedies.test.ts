import { expect, test } from "vitest";
import { remedyOf } from "./remedies";

test("an error that does not say what to do has a remedy in both languages", () => {
  expect(remedyOf({ kind: "out_of_memory", attempts: 3 }, "train")?.en).toMatch("smaller batches");
  expect(remedyOf({ kind: "out_of_memory", attempts: 3 }, "ingest")?.en).toMatch("upload");
  expect(remedyOf({ kind: "stalled", seconds: 60 }, "train")?.en).toMatch("overloaded");
  expect(remedyOf({ kind: "dataset_unreadable" }, "train")?.ja).toMatch("アップロードし直し");
});

test("an error that says itself what to do, or has no kind, has no other remedy", () => {
  expect(remedyOf({ kind: "broken_archive", file: "cats.zip" }, "ingest")).toBeNull();
  expect(remedyOf(null, "train")).toBeNull();
});
