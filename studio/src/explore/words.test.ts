import { expect, test } from "vitest";
import type { Direction, NamedLatent } from "../api/client";
import { findByWords } from "./words";

const latent = (name: string, note: string | null, ...tags: string[]) =>
  ({ name, note, tags }) as unknown as NamedLatent;
const LATENTS = [latent("snow", "a White cat", "outdoors"), latent("white", null), latent("x", "")];
const DIRECTIONS = [{ name: "white" } as Direction, { name: "old" } as Direction];

const names = (text: string) =>
  findByWords(text, LATENTS, DIRECTIONS, ["Tabby", "off white"]).map(
    ({ kind, name }) => `${kind} ${name}`,
  );

test("words are found in names, notes and tags; what begins with them comes first", () => {
  expect(names("white")).toEqual([
    "latent white",
    "direction white",
    "latent snow",
    "class off white",
  ]);
  expect(names(" TABBY ")).toEqual(["class Tabby"]);
});

test("every word must fit, and no word finds nothing", () => {
  expect(names("outdoors white")).toEqual(["latent snow"]);
  expect(names("white dog")).toEqual([]);
  expect(names("  ")).toEqual([]);
});
