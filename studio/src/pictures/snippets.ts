import type { Schemas } from "../api/client";
import { pathOf } from "../api/paths";
import { baseOf, editParameters, imageName, type LatentRef, latentOf, SEPARATOR } from "./latent";
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

export const FRAMES_PER_SECOND = 30;

/** The path of an image's file. It names the checkpoint, so that it gives the same file for ever. */
export function imagePath(
  source: PictureSource,
  ref: LatentRef,
  format: ImageFormat,
  enlargement: Enlargement,
): string {
  const path = pathOf("/v1/models/{name}/images/{seed}.{format}", {
    name: source.model,
    seed: imageName(ref),
    format,
  });
  return `${path}${query(source, enlargement, [], editParameters(ref))}`;
}

/** The body of a request for a morph's file, as it plays on the page. */
export function morphBody(
  source: PictureSource,
  morph: Morph,
  frames: number,
  format: MorphFormat,
  { scale, smooth }: Enlargement,
): Schemas["InterpolationRequest"] {
  return {
    keyframes: morph.keyframes.map(latentOf),
    frames,
    fps: FRAMES_PER_SECOND,
    easing: morph.easing,
    loop: morph.loop,
    format,
    checkpoint: source.checkpoint,
    truncation: source.truncation,
    class: source.className,
    scale,
    resample: smooth ? "lanczos" : "nearest",
  };
}

/** The path of a morph's file, as it plays on the page. Its keyframes must have no edits: a path
 * has them for all keyframes or for none. */
export function morphPath(
  source: PictureSource,
  morph: Morph,
  frames: number,
  format: MorphFormat,
  enlargement: Enlargement,
): string {
  const options = [
    ["frames", String(frames)],
    ["fps", String(FRAMES_PER_SECOND)],
  ];
  if (morph.easing !== "linear") options.push(["easing", morph.easing]);
  if (morph.loop) options.push(["loop", "true"]);
  const keyframes = morph.keyframes.join(SEPARATOR);
  const path = pathOf("/v1/models/{name}/interpolations/{keyframes}.{format}", {
    name: source.model,
    keyframes,
    format,
  });
  return `${path}${query(source, enlargement, options)}`;
}

export function fileName(source: PictureSource, refs: readonly LatentRef[], format: string) {
  return `${source.model}-${refs.map(baseOf).join("-")}.${format}`;
}

/** A command that saves the file at an address, or the response to a body that is sent there. */
export function curlCommand(address: string, file: string, keyed: boolean, body?: object): string {
  const key = keyed ? ' -H "Authorization: Bearer $MOGGY_KEY"' : "";
  const sent = body ? ` -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'` : "";
  return `curl${key}${sent} -o ${file} '${address}'`;
}

/** A program that opens the image at an address. */
export function pythonProgram(address: string, keyed: boolean): string {
  const argument = keyed ? ', headers={"Authorization": "Bearer " + os.environ["MOGGY_KEY"]}' : "";
  return [
    ...(keyed ? ["import os"] : []),
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

function query(
  source: PictureSource,
  { scale, smooth }: Enlargement,
  options: readonly string[][],
  edits: readonly string[] = [],
): string {
  const parameters = new URLSearchParams([["checkpoint", source.checkpoint], ...options]);
  if (source.truncation !== 1) parameters.set("truncation", String(source.truncation));
  if (source.className !== null) parameters.set("class", source.className);
  for (const edit of edits) parameters.append("edit", edit);
  if (scale !== 1) parameters.set("scale", String(scale));
  const resample: Resample = smooth ? "lanczos" : "nearest";
  if (scale !== 1 && !smooth) parameters.set("resample", resample);
  return `?${parameters}`;
}
