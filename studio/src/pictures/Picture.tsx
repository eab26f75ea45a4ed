import { useLayoutEffect, useRef, useState } from "react";
import { usePreferences } from "../state/preferences";
import { type Pictures, usePictures } from "./context";
import { drawScaled } from "./draw";
import type { LatentRef } from "./latent";

/**
 * A small picture of a latent, scaled by its style.
 *
 * It is a canvas: the key that a service may need travels in a header, which an image's address
 * cannot carry. `of`: whose picture it is, by default that of the pictures around it.
 */
export function Picture({
  latent,
  label,
  of,
}: {
  latent: LatentRef;
  label?: string;
  of?: Pictures;
}) {
  const around = usePictures();
  const { store, source } = of ?? around;
  const [{ smooth }] = usePreferences();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<"waiting" | "shown" | "failed">(() =>
    store.get(latent) === undefined ? "waiting" : "shown",
  );
  const [height, width] = source.shape;
  useLayoutEffect(() => {
    return store.want(latent, (picture) => {
      setState(picture === null ? "failed" : "shown");
      if (picture === null || canvas.current === null) return;
      drawScaled(canvas.current, picture, { left: 0, top: 0, width, height }, false);
    });
  }, [store, latent, width, height]);
  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      className={`picture ${state} ${smooth ? "smooth" : "sharp"}`}
      {...(label === undefined ? { "aria-hidden": true } : { role: "img", "aria-label": label })}
    />
  );
}
