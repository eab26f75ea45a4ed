import { expect, test } from "vitest";
import { problemFrom } from "./problem";

test("a problem of the service has its kind and its value", () => {
  const body = { status: 409, detail: "cats is taken", kind: "name_taken", field: "name" };
  const problem = problemFrom(409, JSON.stringify({ ...body, value: "cats" }), 3);
  expect(problem.message).toBe("cats is taken");
  expect(problem).toMatchObject({ status: 409, field: "name", kind: "name_taken", value: "cats" });
  expect(problem).toMatchObject({ job: null, retryAfter: 3 });
});

test("the page of a proxy is named by its status", () => {
  for (const body of ["<html>Request Entity Too Large</html>", "", "null", '{"message": "no"}']) {
    const problem = problemFrom(413, body);
    expect(problem.message).toBe("The response has the status 413.");
    expect(problem).toMatchObject({ status: 413, field: null, kind: null, value: null });
  }
});
