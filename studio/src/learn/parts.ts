import { FAILURES, type Failure } from "./toy/names";

/** The parts of the page, in their order; an address can name one. First those beside the toy. */
export const TOY_PARTS = ["story", "formula", "toy", ...FAILURES] as const;
export const PARTS = [...TOY_PARTS, "digits", "layers"] as const;
export type Part = (typeof PARTS)[number];

export function isPart(value: string | null): value is Part {
  return PARTS.some((part) => part === value);
}

/** The failure that a part is about. */
export function failureOf(part: Part): Failure | null {
  return FAILURES.find((failure) => failure === part) ?? null;
}
