import { expect, test } from "vitest";
import { storageKey } from "./storage";

test("each path of an origin has its own entries", () => {
  expect(storageKey("key", "https://a.example/")).toBe("moggy.key");
  const one = storageKey("key", "https://a.example/one/");
  expect(one).toBe("moggy.key /one/");
  expect(storageKey("key", "https://a.example/two/")).not.toBe(one);
});
