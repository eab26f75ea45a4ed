/** The names that the service accepts for models, datasets, latents, directions and presets. */
export const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/** The nearest such name to a text; empty if it has no letter or digit that a name can have. */
export function toName(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 64)
    .replace(/[^a-z0-9]+$/, "");
}
