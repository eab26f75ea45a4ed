import { api, data } from "../api/client";
import { latentOf } from "./latent";
import type { Morph } from "./morph";
import type { PictureSource } from "./source";

/** The frames of a morph side by side in one image. */
export interface Strip {
  bitmap: ImageBitmap;
  frames: number;
  width: number;
  height: number;
}

export async function fetchStrip(
  source: PictureSource,
  morph: Morph,
  frames: number,
  signal?: AbortSignal,
): Promise<Strip> {
  const call = api.POST("/v1/models/{name}/interpolations", {
    params: { path: { name: source.model } },
    body: {
      keyframes: morph.keyframes.map(latentOf),
      frames,
      easing: morph.easing,
      loop: morph.loop,
      format: "strip",
      checkpoint: source.checkpoint,
      truncation: source.truncation,
      class: source.className,
    },
    parseAs: "blob",
    signal,
  });
  const [height, width] = source.shape;
  const bitmap = await createImageBitmap((await data(call)) as unknown as Blob);
  return { bitmap, frames, width, height };
}
