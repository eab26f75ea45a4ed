import type { Schemas } from "../api/client";
import type { LatentRef } from "./latent";

const MAX_STRIP_PIXELS = 16384; // the widest image that every browser decodes

export type Easing = NonNullable<Schemas["InterpolationRequest"]["easing"]>;
export const EASINGS: readonly Easing[] = ["linear", "smooth", "even"];

export interface Morph {
  keyframes: readonly LatentRef[];
  easing: Easing;
  loop: boolean;
}

/** The frames that a morph on the page has: about 40 from a keyframe to the next, as many as fit
 * into one image. */
export function frameCount(morph: Morph, width: number): number {
  const parts = morph.keyframes.length - (morph.loop ? 0 : 1);
  const most = Math.floor(MAX_STRIP_PIXELS / width);
  return Math.max(morph.keyframes.length, Math.min(parts === 1 ? 60 : 40 * parts, most));
}

/** The index of the frame at a position from 0, the first keyframe, to 1, the last. */
export function frameAt(position: number, frames: number): number {
  return Math.min(frames - 1, Math.max(0, Math.round(position * (frames - 1))));
}

/** The position after `seconds` of a play that takes `duration`, and the direction of the play: a morph
 * that loops starts again at its end, another one turns back. */
export function advance(
  position: number,
  direction: 1 | -1,
  seconds: number,
  duration: number,
  loop: boolean,
): { position: number; direction: 1 | -1 } {
  const next = position + (direction * seconds) / duration;
  if (next >= 0 && next <= 1) return { position: next, direction };
  if (loop) return { position: next - Math.floor(next), direction: 1 };
  const folded = Math.abs(next) % 2; // beyond 1 the way back begins
  return folded <= 1
    ? { position: folded, direction: next < 0 ? 1 : direction }
    : { position: 2 - folded, direction: -1 };
}
