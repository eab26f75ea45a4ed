/** A model as the service writes it into the page. Vectors are little-endian float32 in base64. */
export interface Content {
  model: string;
  checkpoint: string;
  sha256: string;
  images_seen: number;
  created_at: string;
  /** Height, width and channels of its images. */
  shape: readonly [number, number, number];
  latent_dim: number;
  /** Empty where the model is unconditional. */
  classes: readonly string[];
  preset: string;
  architecture: string;
  dataset: { name: string; images: number | null } | null;
  latents: readonly NamedLatent[];
  directions: readonly Direction[];
  /** What was saved for checkpoints with other latents or classes, and is not in the page. */
  left_out: { latents: number; directions: number };
  licence: string;
  moggy: string;
}

export interface NamedLatent {
  name: string;
  /** Null where it has a vector. */
  seed: number | null;
  vector: string | null;
  class: string | null;
  note: string | null;
}

export interface Direction {
  name: string;
  vector: string;
}

export function readContent(): Content {
  return JSON.parse(textOf("content")) as Content;
}

/** The licences of the packages that the page is built from. */
export function readNotices(): string {
  return textOf("notices").replaceAll("&lt;", "<");
}

/** The bytes of an element that holds them compressed by gzip and written in base64. */
export async function unpack(id: string): Promise<Uint8Array> {
  const compressed = new Blob([bytesOf(textOf(id))]).stream();
  const stream = compressed.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The vector of a base64 text. */
export function vectorOf(text: string): Float32Array {
  const view = new DataView(bytesOf(text).buffer);
  return Float32Array.from({ length: view.byteLength / 4 }, (_, index) =>
    view.getFloat32(index * 4, true),
  );
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

function textOf(id: string): string {
  return document.getElementById(id)?.textContent ?? "";
}
