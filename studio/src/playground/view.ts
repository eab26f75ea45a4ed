import { type LatentRef, SEPARATOR } from "../pictures/latent";
import type { Place } from "./latents";
import type { Model, Options } from "./model";

export type Mode = "picture" | "morph" | "pad";
export const MODES: readonly Mode[] = ["picture", "morph", "pad"];
export const MOST_PICKS = 4;
const LAST_SEED = Number.MAX_SAFE_INTEGER;

/** What the page shows, as the fragment of its address says it. */
export interface View extends Options {
  mode: Mode;
  /** The pictures that are worked on: the picture is the active one, and a morph and a pad are
   * between all of them. */
  picks: readonly LatentRef[];
  active: number;
  /** The first seed of the wall. */
  from: number;
  smooth: boolean;
  place: Place;
  /** The place on the morph, from 0 to 1. */
  at: number;
}

/** Reads the fragment of an address. A value that is not valid for the model counts as absent. */
export function parseView(fragment: string, model: Model): View {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const number = (name: string, low: number, high: number) => {
    const value = Number.parseFloat(given.get(name) ?? "");
    return value >= low && value <= high ? value : null;
  };
  const has = (ref: string) => model.has(ref);
  const picks = (given.get("picks") ?? "").split(SEPARATOR).filter(has).slice(0, MOST_PICKS);
  const { classes, latents } = model.content;
  const mode = MODES.find((name) => name === given.get("mode")) ?? "picture";
  const view: View = {
    mode,
    picks: picks.length > 0 ? picks : [latents[0]?.name ?? "0"],
    active: Math.floor(number("active", 0, MOST_PICKS - 1) ?? 0),
    from: Math.floor(number("from", 0, LAST_SEED) ?? 0),
    className: classes.find((name) => name === given.get("class")) ?? null,
    truncation: number("truncation", 0.1, 1) ?? 1,
    smooth: given.get("sharp") === null,
    place: { x: number("x", 0, 1) ?? 0.5, y: number("y", 0, 1) ?? 0.5 },
    at: number("at", 0, 1) ?? 0,
  };
  return inMode(view, mode, model);
}

/** The fragment of the address of a view: only what differs from the default. */
export function formatView(view: View): string {
  const query = new URLSearchParams({ picks: view.picks.join(SEPARATOR) });
  const add = (name: string, value: string | number, usual: string | number) => {
    if (value !== usual) query.set(name, String(value));
  };
  add("mode", view.mode, "picture");
  add("active", view.active, 0);
  add("from", view.from, 0);
  add("class", view.className ?? "", "");
  add("truncation", shorten(view.truncation), 1);
  add("sharp", view.smooth ? 0 : 1, 0);
  if (view.mode === "morph") add("at", shorten(view.at), 0);
  if (view.mode === "pad") {
    query.set("x", String(shorten(view.place.x)));
    query.set("y", String(shorten(view.place.y)));
  }
  return `#${query}`;
}

/** The view in another mode. A morph and a pad get pictures of the model until they have enough. */
export function inMode(view: View, mode: Mode, model: Model): View {
  const picks = [...view.picks];
  const fewest = { picture: 1, morph: 2, pad: picks.length > 1 ? 2 : MOST_PICKS }[mode];
  while (picks.length < fewest) picks.push(another(picks, model));
  return { ...view, mode, picks, active: Math.min(view.active, picks.length - 1) };
}

/** A named latent that is not picked yet, or else a seed. */
export function another(picks: readonly LatentRef[], model: Model): LatentRef {
  const seeds = Array.from({ length: MOST_PICKS + 1 }, (_, seed) => String(seed));
  const refs = [...model.content.latents.map(({ name }) => name), ...seeds];
  return refs.find((ref) => !picks.includes(ref)) ?? "0";
}

function shorten(value: number): number {
  return Math.round(value * 1000) / 1000;
}
