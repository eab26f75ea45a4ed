import { expect, test } from "vitest";
import { SCREENS, screenOf, screenQuery } from "./screen";

test("a screen is read from the address that it was written to", () => {
  for (const screen of SCREENS) expect(screenOf(screenQuery(screen))).toBe(screen);
});

test("an address that names no screen, or an unknown one, is that of Explore", () => {
  expect(screenOf("?model=cats")).toBe("explore");
  expect(screenOf("?screen=nonsense")).toBe("explore");
  expect(screenQuery("explore")).toBe("");
});

test("parameters that are null are left out", () => {
  const query = screenQuery("train", { job: "ab", other: null });
  expect(query).toBe("?screen=train&job=ab");
});
