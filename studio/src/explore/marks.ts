import type { LatentRef } from "../pictures/latent";
import { MAX_EXAMPLES, type Side, type View } from "../state/view";

/** What is written on a picture that is picked: its place in the morph, or its side. */
export type Mark = string;

const SIGNS: Record<Side, Mark> = { more: "+", less: "−" };
export const FEWEST_EXAMPLES = 2; // on each side

/** The marks of the pictures that are picked. */
export function marksOf(view: Pick<View, "teach" | "more" | "less" | "morph">) {
  const marks = new Map<LatentRef, Mark>();
  if (view.teach === null) {
    // A picture that is a keyframe twice has its first place.
    view.morph.forEach((ref, index) => {
      if (!marks.has(ref)) marks.set(ref, String(index + 1));
    });
  } else {
    for (const side of ["more", "less"] as const) {
      for (const ref of view[side]) marks.set(ref, SIGNS[side]);
    }
  }
  return marks;
}

/** Both sides after a picture is marked for a side: one that is there already is taken out. */
export function markExample(
  { more, less }: Pick<View, "more" | "less">,
  ref: LatentRef,
  side: Side,
): Pick<View, "more" | "less"> {
  const without = {
    more: more.filter((other) => other !== ref),
    less: less.filter((other) => other !== ref),
  };
  const isThere = (side === "more" ? more : less).includes(ref);
  if (isThere || without[side].length === MAX_EXAMPLES) return without;
  return { ...without, [side]: [...without[side], ref] };
}
