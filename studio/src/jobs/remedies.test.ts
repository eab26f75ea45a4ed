import { expect, test } from "vitest";
import { remedyOf } from "./remedies";

test("an error of a worker has a remedy", () => {
  const killed = "its process ended with signal 9 (SIGKILL): probably out of memory";
  expect(remedyOf(`${killed}, at the last of 3 attempts`)).toBe("remedy_memory");
  expect(remedyOf("the disk of its worker is full: 5 bytes were free")).toBe("remedy_disk");
  expect(remedyOf("its process stopped unexpectedly, at the last of 3 attempts")).toBe(
    "remedy_crash",
  );
});

test("an error that says itself what to do has no other remedy", () => {
  expect(remedyOf("none of the 3 files is a picture: upload pictures")).toBeNull();
});
