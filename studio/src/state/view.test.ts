import { expect, test } from "vitest";
import { DEFAULT_VIEW, formatView, parseView, type View } from "./view";

const FULL: View = {
  model: "cats",
  checkpoint: "5cf36bee09dbc8c9",
  truncation: 0.7,
  className: "tabby",
  from: 9007199254740000,
  show: "white~ginger:-1.5",
  morph: ["7", "white", "42"],
  easing: "smooth",
  loop: true,
  at: 0.25,
  pad: { x: 0.5, y: 1 },
  color: "#ff8800",
  like: "7",
  findClass: "ginger",
  minQuality: 30,
  only: ["7", "white~ginger:2"],
  photo: "bea8435160a1dc02",
  against: "cats-2",
  againstCheckpoint: "a765291bc96c58ff",
  wipe: 0.25,
  wipeWall: true,
  teach: "less",
  teachAs: "stripes",
  independentOf: ["white", "ginger"],
  more: ["1", "white"],
  less: ["2"],
  direction: "ginger",
};

test("a view is the same after a way through the address", () => {
  expect(parseView(formatView(FULL))).toEqual(FULL);
  expect(formatView(DEFAULT_VIEW)).toBe("");
  expect(parseView("")).toEqual(DEFAULT_VIEW);
});

test("a value that is not valid counts as absent", () => {
  const query =
    "?truncation=7&from=-3&show=A%20B&morph=7..%2F..42&easing=fast&color=red&at=2&pad=2,0";
  expect(parseView(query)).toEqual({ ...DEFAULT_VIEW, morph: ["7", "42"] });
  expect(parseView(`?from=${2 ** 60}`).from).toBe(0);
});

test("options of a morph are left out without one", () => {
  expect(formatView({ ...FULL, morph: [] })).not.toMatch(/easing|loop|at=/);
});

test("the divider is left out without a comparison", () => {
  expect(formatView({ ...FULL, against: null })).not.toMatch(/wipe|against/);
});
