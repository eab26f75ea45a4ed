const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export function isModelName(text: string): boolean {
  return NAME.test(text);
}

/** A name for the model in a file, as the service accepts it. */
export function nameFrom(file: string): string {
  return file
    .toLowerCase()
    .replace(/\.(zip|safetensors)$/, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 64);
}
