import type { Schemas } from "../api/client";
import { imageName, isSeed, type LatentRef, SEPARATOR } from "./latent";
import type { Morph } from "./morph";
import type { PictureSource } from "./source";

export const IMAGE_FORMATS = ["png", "webp", "jpg", "avif"] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];
export const MORPH_FORMATS = ["webp", "gif", "mp4"] as const;
export type MorphFormat = (typeof MORPH_FORMATS)[number];
export type Resample = NonNullable<Schemas["ImagesRequest"]["resample"]>;

/** How many times a file is enlarged, and how. */
export interface Enlargement {
  scale: number;
  smooth: boolean;
}

export const FRAMES_PER_SECOND = 24;

/** The path of an image's file. It names the checkpoint, so that it gives the same file for ever. */
export function imagePath(
  source: PictureSource,
  ref: LatentRef,
  format: ImageFormat,
  enlargement: Enlargement,
): string {
  return `/v1/models/${source.model}/images/${imageName(ref)}.${format}${query(source, enlargement)}`;
}

/** The path of a morph's file, as it plays on the page. */
export function morphPath(
  source: PictureSource,
  morph: Morph,
  frames: number,
  format: MorphFormat,
  enlargement: Enlargement,
): string {
  const options: Record<string, string> = {
    frames: String(frames),
    fps: String(FRAMES_PER_SECOND),
  };
  if (morph.easing !== "linear") options.easing = morph.easing;
  if (morph.loop) options.loop = "true";
  const keyframes = morph.keyframes.join(SEPARATOR);
  const parameters = query(source, enlargement, options);
  return `/v1/models/${source.model}/interpolations/${keyframes}.${format}${parameters}`;
}

export function fileName(source: PictureSource, refs: readonly LatentRef[], format: string) {
  return `${source.model}-${refs.join("-")}.${format}`;
}

/** A command that saves the file at an address. */
export function curlCommand(address: string, file: string, keyed: boolean): string {
  const key = keyed ? ' -H "Authorization: Bearer $MOGGY_KEY"' : "";
  return `curl${key} -o ${file} '${address}'`;
}

/** A program that opens the image at an address. */
export function pythonProgram(address: string, keyed: boolean): string {
  const argument = keyed ? ', headers={"Authorization": f"Bearer {key}"}' : "";
  return [
    "from io import BytesIO",
    "",
    "import requests",
    "from PIL import Image",
    "",
    `response = requests.get("${address}"${argument})`,
    "response.raise_for_status()",
    "image = Image.open(BytesIO(response.content))",
    "",
  ].join("\n");
}

export function nameOf(ref: LatentRef): string {
  return isSeed(ref) ? `#${ref}` : ref;
}

function query(
  source: PictureSource,
  { scale, smooth }: Enlargement,
  options: Record<string, string> = {},
): string {
  const parameters = new URLSearchParams({ checkpoint: source.checkpoint, ...options });
  if (source.truncation !== 1) parameters.set("truncation", String(source.truncation));
  if (scale !== 1) parameters.set("scale", String(scale));
  const resample: Resample = smooth ? "lanczos" : "nearest";
  if (scale !== 1 && !smooth) parameters.set("resample", resample);
  return `?${parameters}`;
}
