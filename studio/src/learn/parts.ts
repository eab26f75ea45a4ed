import { FAILURES, type Failure } from "./toy/names";

/** The parts of the page, in their order; an address can name one. */
export const PARTS = ["story", "formula", "toy", ...FAILURES, "digits", "layers"] as const;
export type Part = (typeof PARTS)[number];

/** The failure that a part is about. */
export function failureOf(part: Part): Failure | null {
  return FAILURES.find((failure) => failure === part) ?? null;
}
