import { expect, test } from "vitest";
import { isModelName, nameFrom } from "./name";

test("a file has a name that the service accepts", () => {
  expect(nameFrom("cats-a75e8b3d44b692a5.zip")).toBe("cats-a75e8b3d44b692a5");
  expect(nameFrom("Meine Katzen (2).safetensors")).toBe("meine-katzen-2-");
  expect(isModelName(nameFrom("__x.zip"))).toBe(true);
  expect(isModelName(nameFrom("猫.zip"))).toBe(false); // one is asked for
});
