import type { components } from "./schema";

type ProblemKind = components["schemas"]["Problem"]["kind"];

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
