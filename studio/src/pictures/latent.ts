/** A latent as URLs write it: the digits of a seed, or the name of a saved latent. */
export type LatentRef = string;

export const MAX_SEED = Number.MAX_SAFE_INTEGER; // 2^53 - 1, the service's too
const SEED = /^\d{1,16}$/;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
export const SEPARATOR = "..";

export function isSeed(ref: LatentRef): boolean {
  return SEED.test(ref) && Number(ref) <= MAX_SEED;
}

/** Whether the service accepts the name for a saved latent: it must not read as a seed. */
export function isLatentName(text: string): boolean {
  return NAME.test(text) && !/^\d+$/.test(text) && !text.includes(SEPARATOR);
}

export function isRef(text: string): boolean {
  return isSeed(text) || isLatentName(text);
}

/** A latent as the bodies of requests write it. */
export function latentOf(ref: LatentRef): { seed: number } | { name: string } {
  return isSeed(ref) ? { seed: Number(ref) } : { name: ref };
}

/** A latent as the last part of an image's path writes it. */
export function imageName(ref: LatentRef): string {
  return isSeed(ref) ? ref : `@${ref}`;
}
