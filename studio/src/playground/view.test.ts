import { expect, test } from "vitest";
import { DIGITS } from "./digits";
import { Model } from "./model";
import { formatView, inMode, parseView } from "./view";

const model = new Model(DIGITS);

test("the address says what is shown, and what is not valid in it counts as absent", () => {
  const fragment = "#picks=up%7Eb%3A1..7&mode=morph&active=1&class=two&truncation=0.7&at=0.25";
  const view = parseView(fragment, model);
  expect(view).toMatchObject({ picks: ["up~b:1", "7"], mode: "morph", active: 1, at: 0.25 });
  expect(parseView(formatView(view), model)).toEqual(view);
  expect(parseView("#picks=down&mode=x&class=x&truncation=7", model)).toEqual(parseView("", model));
});

test("a morph has two pictures at least and a pad four at first", () => {
  const view = parseView("#picks=up", model);
  expect(inMode(view, "morph", model).picks).toEqual(["up", "seventh"]);
  expect(inMode(view, "pad", model).picks).toEqual(["up", "seventh", "0", "1"]);
  expect(inMode({ ...view, picks: ["up", "7"] }, "pad", model).picks).toEqual(["up", "7"]);
});
