import type { components } from "./schema";

type Body = components["schemas"]["Problem"];
type ProblemKind = Body["kind"];

/** An error that the service describes (RFC 9457), or status 0 where it does not answer. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly field: string | null = null,
    readonly job: string | null = null,
    readonly retryAfter: number | null = null,
    readonly kind: ProblemKind | null = null,
    /** Of the field, where the service repeats it. */
    readonly value: string | null = null,
  ) {
    super(detail);
  }
}

/** The error of a response: as the service describes it, or its status alone where the body comes from
 * elsewhere, such as the page of a proxy. */
export function problemFrom(
  status: number,
  body: string,
  retryAfter: number | null = null,
): Problem {
  const problem = parsed(body);
  return new Problem(
    status,
    problem.detail ?? `The response has the status ${status}.`,
    problem.field,
    problem.job,
    retryAfter,
    problem.kind,
    problem.value,
  );
}

function parsed(body: string): Partial<Body> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Whether an error says that what was requested does not exist. */
export function isMissing(error: Error | null): boolean {
  return error instanceof Problem && error.status === 404;
}
