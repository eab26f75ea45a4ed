import type { paths } from "./schema";

type Names<Path> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : never;

/** A path of the OpenAPI document with its parameters filled in. */
export function pathOf<Path extends keyof paths>(
  path: Path,
  names: Record<Names<Path>, string | number>,
): string {
  const values: Record<string, string | number> = names;
  return path.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}
