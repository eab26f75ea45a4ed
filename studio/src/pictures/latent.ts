import { isName } from "../api/names";

/**
 * A latent as addresses write it: the digits of a seed or the name of a saved latent, and after it
 * the amounts by which it is moved along directions, such as `7~white:1.5~ginger:-0.5`.
 */
export type LatentRef = string;

export type Edits = Readonly<Record<string, number>>;

export const MAX_SEED = Number.MAX_SAFE_INTEGER; // 2^53 - 1, the service's too
export const SEPARATOR = "..";
const MAX_AMOUNT = 10;
const SEED = /^\d{1,16}$/;
const EDIT = /^([a-z0-9][a-z0-9._-]{0,63}):(-?\d{1,2}(?:\.\d{1,3})?)$/;

/** The seed or the name, without the edits. */
export function baseOf(ref: LatentRef): LatentRef {
  return ref.split("~", 1)[0] ?? "";
}

export function editsOf(ref: LatentRef): Edits {
  const edits: Record<string, number> = {};
  for (const text of ref.split("~").slice(1)) {
    const [, direction, amount] = EDIT.exec(text) ?? [];
    if (direction !== undefined) edits[direction] = Number(amount);
  }
  return edits;
}

/** The latent whose edits along a direction are those along one of another name; null: along none. */
export function withRenamed(ref: LatentRef, direction: string, name: string | null): LatentRef {
  const amount = editsOf(ref)[direction];
  const others = withEdit(ref, direction, 0);
  return amount === undefined || name === null ? others : withEdit(others, name, amount);
}

/** The latent moved along a direction by `amount` instead of by what it was moved before. */
export function withEdit(ref: LatentRef, direction: string, amount: number): LatentRef {
  const edits = { ...editsOf(ref), [direction]: Math.round(amount * 100) / 100 };
  const texts = Object.entries(edits).filter(([, value]) => value !== 0);
  return [baseOf(ref), ...texts.map(([name, value]) => `${name}:${value}`)].join("~");
}

export function isSeed(ref: LatentRef): boolean {
  return SEED.test(ref) && Number(ref) <= MAX_SEED;
}

/** Whether the service accepts the name for a saved latent: it must not read as a seed. */
export function isLatentName(text: string): boolean {
  return isName(text) && !/^\d+$/.test(text) && !text.includes(SEPARATOR);
}

export function isRef(text: string): boolean {
  const [base = "", ...edits] = text.split("~");
  return (
    (isSeed(base) || isLatentName(base)) &&
    edits.every((edit) => {
      const amount = EDIT.exec(edit)?.[2];
      return amount !== undefined && Math.abs(Number(amount)) <= MAX_AMOUNT;
    })
  );
}

/** A latent as the bodies of requests write it. */
export function latentOf(
  ref: LatentRef,
): ({ seed: number } | { name: string }) & { edits?: Edits } {
  const [base, edits] = [baseOf(ref), editsOf(ref)];
  const point = isSeed(base) ? { seed: Number(base) } : { name: base };
  return Object.keys(edits).length === 0 ? point : { ...point, edits };
}

/** A latent as the last part of an image's path writes it, without its edits. */
export function imageName(ref: LatentRef): string {
  const base = baseOf(ref);
  return isSeed(base) ? base : `@${base}`;
}

/** The edits as the query of an image's address writes them, one for each. */
export function editParameters(ref: LatentRef): string[] {
  return Object.entries(editsOf(ref)).map(([direction, amount]) => `${direction}:${amount}`);
}

/** A latent as a caption writes it; a * marks one that is edited. */
export function captionOf(ref: LatentRef): string {
  const base = baseOf(ref);
  return `${isSeed(base) ? `#${base}` : base}${ref === base ? "" : " *"}`;
}
