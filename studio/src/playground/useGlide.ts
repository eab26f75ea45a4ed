import { useEffect, useState } from "react";
import { baseOf, type LatentRef } from "../pictures/latent";

const GLIDE_MS = 300;

interface Glide {
  from: LatentRef;
  to: LatentRef;
  began: number;
  /** Of the way, from 0 to 1, where it ends. */
  share: number;
}

/** The way from the picture that was open to the one that is: when another picture is opened, the
 * first turns into it. A picture that is only moved along a direction follows at once. */
export function useGlide(ref: LatentRef, isWanted: boolean): Glide {
  const [glide, setGlide] = useState<Glide>({ from: ref, to: ref, began: 0, share: 1 });
  const isAnother = baseOf(glide.to) !== baseOf(ref);
  if (glide.to !== ref) {
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const share = isWanted && isAnother && !isStill ? 0 : 1;
    setGlide({ from: glide.to, to: ref, began: performance.now(), share });
  }
  const { began } = glide;
  const isUnderWay = glide.share < 1;
  useEffect(() => {
    if (!isUnderWay) return;
    let request = requestAnimationFrame(function step(now) {
      const share = Math.min(1, Math.max(0, now - began) / GLIDE_MS);
      setGlide((current) => (current.began === began ? { ...current, share } : current));
      if (share < 1) request = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(request);
  }, [isUnderWay, began]);
  return glide;
}
