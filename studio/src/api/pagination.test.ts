import { expect, test } from "vitest";
import { allItems } from "./pagination";

test("a list is read to its end, each page from the cursor of the one before", async () => {
  const pages: Record<string, { items: number[]; next: string | null }> = {
    first: { items: [1, 2], next: "a" },
    a: { items: [3], next: "b" },
    b: { items: [], next: null },
  };
  const asked: (string | null)[] = [];
  const all = await allItems(async (cursor) => {
    asked.push(cursor);
    return pages[cursor ?? "first"] ?? { items: [] };
  });
  expect(all.items).toEqual([1, 2, 3]);
  expect(asked).toEqual([null, "a", "b"]);
});
