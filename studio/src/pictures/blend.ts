import { api, data, type Schemas } from "../api/client";
import type { Place } from "../state/view";
import { type LatentRef, latentOf } from "./latent";
import type { PictureSource } from "./source";

export const SHEET = 9; // pictures of each side

/** The corners of a pad: three keyframes or four. */
export const FEWEST_CORNERS = 3;
export const MOST_CORNERS = 4;

/** The body of a request for the blend of the corners at a place. */
export function blendBody(
  source: PictureSource,
  corners: readonly LatentRef[],
  place: Place,
  format: Schemas["BlendRequest"]["format"],
): Schemas["BlendRequest"] {
  return {
    corners: corners.map(latentOf),
    ...place,
    format,
    checkpoint: source.checkpoint,
    truncation: source.truncation,
    class: source.className,
  };
}

async function fetchBlend(
  source: PictureSource,
  body: Schemas["BlendRequest"],
  signal: AbortSignal,
): Promise<ImageBitmap> {
  const call = api.POST("/v1/models/{name}/blend", {
    params: { path: { name: source.model } },
    body,
    parseAs: "blob",
    signal,
  });
  return createImageBitmap((await data(call)) as unknown as Blob);
}

/** SHEET × SHEET blends, those of the corners at the corners. */
export function fetchSheet(
  source: PictureSource,
  corners: readonly LatentRef[],
  signal: AbortSignal,
): Promise<ImageBitmap> {
  const { checkpoint, truncation, className } = source;
  const latents = corners.map(latentOf);
  const body = { corners: latents, sheet: SHEET, checkpoint, truncation, class: className };
  return fetchBlend(source, body, signal);
}

export function fetchPlace(
  source: PictureSource,
  corners: readonly LatentRef[],
  place: Place,
  signal: AbortSignal,
): Promise<ImageBitmap> {
  return fetchBlend(source, blendBody(source, corners, place, "png"), signal);
}

/** The latent of the blend at a place, as it can be saved. */
export async function blendLatent(
  source: PictureSource,
  corners: readonly LatentRef[],
  place: Place,
): Promise<{ latent: number[] } | { seed: number }> {
  const call = api.POST("/v1/models/{name}/blend", {
    params: { path: { name: source.model } },
    body: { ...blendBody(source, corners, place, "json"), truncation: 1 },
  });
  const answer = (await data(call)) as Schemas["ImageAnswer"];
  if (answer.latent) return { latent: answer.latent };
  return { seed: answer.seed ?? 0 };
}
