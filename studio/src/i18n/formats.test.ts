import { expect, test } from "vitest";
import { formatsOf } from "./formats";

const en = formatsOf("en");

test("sizes have the largest unit that leaves a digit before the point", () => {
  expect(en.bytes(0)).toBe("0 byte");
  expect(en.bytes(999)).toBe("999 byte");
  expect(en.bytes(5_180_000)).toBe("5.2 MB");
  expect(en.bytes(1_500_000_000)).toBe("1.5 GB");
});

test("durations have at most two units", () => {
  expect(en.duration(4.2)).toBe("4 sec");
  expect(en.duration(125)).toBe("2 min 5 sec");
  expect(en.duration(120)).toBe("2 min");
  expect(en.duration(3600 * 26 + 59)).toBe("1 day 2 hr");
});

test("Japanese has its own words", () => {
  expect(formatsOf("ja").duration(125)).toBe("2 分 5 秒");
});
