import { expect, test } from "vitest";
import { isName, toName } from "./names";

test("a text becomes a name that the service accepts", () => {
  expect(toName("cats-a75e8b3d44b692a5")).toBe("cats-a75e8b3d44b692a5");
  expect(toName("__Meine Kätzchen (2)")).toBe("meine-katzchen-2");
  expect(isName(toName(`${"x".repeat(63)}-y`))).toBe(true);
  expect(isName(toName("猫"))).toBe(false); // the person gives a name
});
