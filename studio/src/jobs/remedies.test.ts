import { expect, test } from "vitest";
import { remedyOf } from "./remedies";

test("an error of a worker has a remedy", () => {
  expect(remedyOf({ kind: "out_of_memory", attempts: 3 })).toBe("remedy_memory");
  expect(remedyOf({ kind: "disk_full", free_bytes: 5, room_needed: 10 })).toBe("remedy_disk");
  expect(remedyOf({ kind: "crashed", attempts: 3 })).toBe("remedy_crash");
});

test("an error that says itself what to do, or has no kind, has no other remedy", () => {
  expect(remedyOf({ kind: "broken_archive", file: "cats.zip" })).toBeNull();
  expect(remedyOf(null)).toBeNull();
});
