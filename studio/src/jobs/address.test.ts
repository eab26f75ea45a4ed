import { expect, test } from "vitest";
import { JOBS_CODEC, NO_FILTERS } from "./address";

test("filters and the open job are read from the address that they were written to", () => {
  const view = {
    kind: "train",
    status: "failed",
    model: "cats",
    owner: "ada",
    job: "ab12",
  } as const;
  const query = JOBS_CODEC.format(view);
  expect(query).toBe("?screen=jobs&kind=train&status=failed&model=cats&owner=ada&job=ab12");
  expect(JOBS_CODEC.parse(query)).toEqual(view);
});

test("a filter that does not exist filters nothing", () => {
  const view = JOBS_CODEC.parse("?screen=jobs&kind=nonsense&status=lost&job=../x");
  expect(view).toEqual({ ...NO_FILTERS, job: null });
});
