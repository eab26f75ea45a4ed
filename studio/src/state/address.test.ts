import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { navigate, undo } from "./address";

/** The entries of the browser's history, and which of them is shown. */
let entries: { state: unknown; search: string }[];
let shown: number;

beforeEach(() => {
  vi.useFakeTimers();
  entries = [{ state: null, search: "" }];
  shown = 0;
  const write = (state: unknown, address: string) => {
    entries[shown] = { state, search: address.replace(/^[^?]*/, "") };
  };
  vi.stubGlobal("location", {
    pathname: "/",
    get search() {
      return entries[shown]?.search;
    },
  });
  vi.stubGlobal("history", {
    get state() {
      return entries[shown]?.state;
    },
    replaceState: (state: unknown, _: string, address: string) => write(state, address),
    pushState: (state: unknown, _: string, address: string) => {
      shown += 1;
      entries.length = shown;
      write(state, address);
    },
    go: (steps: number) => {
      shown += steps;
    },
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the movements of a gesture are one step, which undo returns from", () => {
  navigate("?show=22");
  for (const amount of [0.1, 0.2, 0.3]) {
    navigate(`?show=22~ginger:${amount}`, { gesture: "ginger" });
    vi.advanceTimersByTime(900);
  }
  expect(entries.map(({ search }) => search)).toEqual(["", "?show=22", "?show=22~ginger:0.3"]);
  undo(-1);
  expect(location.search).toBe("?show=22");
});

test("another gesture, and the same one after a pause, are steps of their own", () => {
  navigate("?a=1", { gesture: "ginger" });
  navigate("?a=2", { gesture: "white" });
  vi.advanceTimersByTime(1000);
  navigate("?a=3", { gesture: "white" });
  navigate("?a=4");
  navigate("?a=5");
  expect(entries.map(({ search }) => search)).toEqual(["", "?a=1", "?a=2", "?a=3", "?a=4", "?a=5"]);
});

test("undo stops at the first address of the page", () => {
  undo(-1);
  expect(shown).toBe(0);
  navigate("?show=1", { replace: true });
  undo(-1);
  expect(shown).toBe(0);
});
