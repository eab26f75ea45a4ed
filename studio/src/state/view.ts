import { isName } from "../api/names";
import { isRef, isSeed, type LatentRef, MAX_SEED, SEPARATOR } from "../pictures/latent";
import { EASINGS, type Easing } from "../pictures/morph";

export const MAX_KEYFRAMES = 64;
export const MAX_QUALITY = 95; // the most that pictures are required to have
export const MAX_EXAMPLES = 256; // on each side, of a direction that is taught

/** The sides of a direction that is taught: its pictures show more of it, or less. */
export type Side = "more" | "less";
export const SIDES: readonly Side[] = ["more", "less"];

/** A place on a square: from 0 at the left and the top to 1 at the right and the bottom. */
export interface Place {
  x: number;
  y: number;
}

/** What the page shows, as its address says it: a link shows the same to everyone. */
export interface View {
  model: string | null;
  /** Null: the checkpoint that the model serves. */
  checkpoint: string | null;
  truncation: number;
  /** The class of the pictures; null: each seed draws its own. */
  className: string | null;
  /** The first seed of the wall. */
  from: number;
  /** The picture that is open. */
  show: LatentRef | null;
  /** The keyframes of the morph; one while its second is still to be picked. */
  morph: readonly LatentRef[];
  easing: Easing;
  loop: boolean;
  /** The place on the morph where it stands still, from 0 to 1; null while it plays. */
  at: number | null;
  /** The place on the pad whose corners the first keyframes are; null: the morph is a path. */
  pad: Place | null;
  /** The wall shows the samples nearest to a colour, #rrggbb, and to a picture, of a class. */
  color: string | null;
  like: LatentRef | null;
  findClass: string | null;
  /** The wall leaves out pictures of a lower quality, in per cent. */
  minQuality: number;
  /** The wall shows these pictures; null: all. */
  only: readonly LatentRef[] | null;
  /** The projection of a photo that is being worked on. */
  photo: string | null;
  /** The model that this one is compared with: the same one, or another. */
  against: string | null;
  /** Its checkpoint; null: the one that it serves. */
  againstCheckpoint: string | null;
  /** The place of the divider: left of it is this model, right of it the other one. */
  wipe: number;
  /** Whether one divider goes through the whole wall, or one through each picture. */
  wipeWall: boolean;
  /** The side of the taught direction that pictures are marked for; null: none is taught. */
  teach: Side | null;
  more: readonly LatentRef[];
  less: readonly LatentRef[];
  /** The name that the taught direction gets, and the directions that it is independent of. */
  teachAs: string | null;
  independentOf: readonly string[];
  /** The direction whose details are shown. */
  direction: string | null;
}

/** No direction is taught. */
export const NO_LESSON = {
  teach: null,
  more: [],
  less: [],
  teachAs: null,
  independentOf: [],
};

export const DEFAULT_VIEW: View = {
  model: null,
  checkpoint: null,
  truncation: 1,
  className: null,
  from: 0,
  show: null,
  morph: [],
  easing: "linear",
  loop: false,
  at: null,
  pad: null,
  color: null,
  like: null,
  findClass: null,
  minQuality: 0,
  only: null,
  photo: null,
  against: null,
  againstCheckpoint: null,
  wipe: 0.5,
  wipeWall: false,
  ...NO_LESSON,
  direction: null,
};

/** The wall without a search. */
export const NO_SEARCH = { color: null, like: null, findClass: null, only: null };

/** Reads the query of an address. A value that is not valid counts as absent. */
export function parseView(query: string): View {
  const given = new URLSearchParams(query);
  const text = (name: string, isValid: (value: string) => boolean) => {
    const value = given.get(name);
    return value !== null && isValid(value) ? value : null;
  };
  const number = (name: string, low: number, high: number) => {
    const value = Number.parseFloat(given.get(name) ?? "");
    return value >= low && value <= high ? value : null;
  };
  const refs = (name: string) => (given.get(name) ?? "").split(SEPARATOR).filter(isRef);
  const easing = EASINGS.find((name) => name === given.get("easing"));
  return {
    model: given.get("model"),
    checkpoint: text("checkpoint", isId),
    truncation: number("truncation", 0.01, 1) ?? 1,
    className: given.get("class"),
    from: Number(text("from", isSeed) ?? 0),
    show: text("show", isRef),
    morph: refs("morph").slice(0, MAX_KEYFRAMES),
    easing: easing ?? "linear",
    loop: given.get("loop") === "true",
    at: number("at", 0, 1),
    pad: parsePlace(given.get("pad") ?? ""),
    color: text("color", (value) => /^#[0-9a-f]{6}$/i.test(value)),
    like: text("like", isRef),
    findClass: given.get("find_class"),
    minQuality: number("min_quality", 1, MAX_QUALITY) ?? 0,
    only: given.has("only") ? refs("only") : null,
    photo: text("photo", isId),
    against: given.get("against"),
    againstCheckpoint: text("against_checkpoint", isId),
    wipe: number("wipe", 0, 1) ?? 0.5,
    wipeWall: given.get("wipe_wall") === "true",
    teach: SIDES.find((side) => side === given.get("teach")) ?? null,
    more: refs("more").slice(0, MAX_EXAMPLES),
    less: refs("less").slice(0, MAX_EXAMPLES),
    teachAs: text("teach_as", isName),
    independentOf: (given.get("independent_of") ?? "").split(SEPARATOR).filter(isName),
    direction: text("direction", isName),
  };
}

/** The query of the address of a view: only what differs from the default. */
export function formatView(view: View): string {
  const query = new URLSearchParams();
  const add = (name: string, value: string | null) => {
    if (value !== null) query.set(name, value);
  };
  add("model", view.model);
  add("checkpoint", view.checkpoint);
  add("truncation", view.truncation === 1 ? null : shorten(view.truncation));
  add("class", view.className);
  add("from", view.from === 0 ? null : String(view.from));
  add("color", view.color);
  add("like", view.like);
  add("find_class", view.findClass);
  add("min_quality", view.minQuality === 0 ? null : String(view.minQuality));
  add("only", view.only?.join(SEPARATOR) ?? null);
  add("photo", view.photo);
  add("against", view.against);
  if (view.against !== null) {
    add("against_checkpoint", view.againstCheckpoint);
    add("wipe", view.wipe === 0.5 ? null : shorten(view.wipe));
    add("wipe_wall", view.wipeWall ? "true" : null);
  }
  if (view.teach !== null) {
    add("teach", view.teach);
    for (const side of SIDES) {
      add(side, view[side].length === 0 ? null : view[side].join(SEPARATOR));
    }
    add("teach_as", view.teachAs);
    add("independent_of", view.independentOf.join(SEPARATOR) || null);
  }
  add("direction", view.direction);
  add("show", view.show);
  add("morph", view.morph.length === 0 ? null : view.morph.join(SEPARATOR));
  if (view.morph.length > 0) {
    add("easing", view.easing === "linear" ? null : view.easing);
    add("loop", view.loop ? "true" : null);
    add("at", view.at === null ? null : shorten(view.at));
    add("pad", view.pad && `${shorten(view.pad.x)},${shorten(view.pad.y)}`);
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

/** A seed that the wall can begin at, so that it has a screen of seeds after it. */
export function clampFrom(seed: number): number {
  return Math.min(Math.max(0, Math.floor(seed)), MAX_SEED - 4096);
}

function isId(text: string): boolean {
  return /^[0-9a-f]{1,32}$/.test(text);
}

function parsePlace(text: string): Place | null {
  const [x, y, ...others] = text.split(",").map(Number.parseFloat);
  if (x === undefined || y === undefined || others.length > 0) return null;
  return [x, y].every((value) => value >= 0 && value <= 1) ? { x, y } : null;
}

function shorten(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}
