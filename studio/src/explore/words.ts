import type { Direction, NamedLatent } from "../api/client";

/** What words can name. */
export type Named =
  | { kind: "latent"; name: string; detail: string }
  | { kind: "direction"; name: string; detail: string }
  | { kind: "class"; name: string; detail: string };

const MOST = 12;

/** What the words of a text name, each in a name, a note or a tag: first whatever begins with the
 * text, and at most twelve. */
export function findByWords(
  text: string,
  latents: readonly NamedLatent[],
  directions: readonly Direction[],
  classes: readonly string[],
): Named[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const words = wanted.split(/\s+/);
  const all: Named[] = [
    ...latents.map(({ name, note, tags }) => ({
      kind: "latent" as const,
      name,
      detail: [note, ...tags].filter(Boolean).join(" · "),
    })),
    ...classes.map((name) => ({ kind: "class" as const, name, detail: "" })),
    ...directions.map(({ name }) => ({ kind: "direction" as const, name, detail: "" })),
  ];
  const fits = all.filter(({ name, detail }) => {
    const searched = `${name} ${detail}`.toLowerCase();
    return words.every((word) => searched.includes(word));
  });
  const begins = ({ name }: Named) => name.toLowerCase().startsWith(wanted);
  return [...fits.filter(begins), ...fits.filter((named) => !begins(named))].slice(0, MOST);
}
