import { useLayoutEffect, useRef, useState } from "react";
import type { LatentRef } from "../pictures/latent";
import { usePictures } from "./pictures";

/** A small picture of a latent, pixel by pixel, scaled by its style. */
export function Thumbnail({ latent }: { latent: LatentRef }) {
  const { model, store, view } = usePictures();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [isShown, setShown] = useState(false);
  const [height, width] = model.content.shape;
  useLayoutEffect(() => {
    setShown(store.get(latent) !== undefined);
    return store.want(latent, (picture) => {
      if (picture === null) return;
      canvas.current?.getContext("2d")?.putImageData(picture, 0, 0);
      setShown(true);
    });
  }, [store, latent]);
  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      className={`picture ${isShown ? "shown" : "waiting"} ${view.smooth ? "smooth" : "sharp"}`}
      data-latent={latent}
      aria-hidden
    />
  );
}
