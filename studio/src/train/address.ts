import { NAME } from "../api/names";
import type { Codec } from "../state/address";
import { screenQuery } from "../state/screen";
import { FITS, REPETITIONS, SIZES, type UploadFields } from "./packing";

/** What the screen Train shows, as its address says it. */
export interface TrainState {
  /** How the pictures that are chosen next are packed, by the name of the field. */
  packing: Readonly<Partial<UploadFields>>;
  /** The pictures that are chosen for a training. */
  dataset: string | null;
  /** The name of the model; null: the one that the page proposes. */
  model: string | null;
  preset: string | null;
  /** How many images the training generates and sees; null: as the preset says. */
  images: number | null;
  /** The checkpoint or the model from which the training starts; null: noise. */
  from: string | null;
  /** Changes to the preset, by the name of the field, as text. */
  overrides: Readonly<Record<string, string>>;
  /** The training that is watched. */
  job: string | null;
  /** A training that is laid over it. */
  compare: string | null;
  /** The images seen of the samples that are shown; null: the newest. */
  at: number | null;
}

export const EMPTY: TrainState = {
  packing: {},
  dataset: null,
  model: null,
  preset: null,
  images: null,
  from: null,
  overrides: {},
  job: null,
  compare: null,
  at: null,
};

const ID = /^[0-9a-f]{1,32}$/;
const CHANGED = /^([a-z][a-z0-9_]{0,63}):(.{1,40})$/;
const PACKING: Record<keyof UploadFields, RegExp> = {
  name: NAME,
  size: new RegExp(`^(${SIZES.join("|")})$`),
  fit: new RegExp(`^(${FITS.join("|")})$`),
  near_duplicates: new RegExp(`^(${REPETITIONS.join("|")})$`),
};

/** Reads the query of an address. A value that is not valid counts as absent. */
export function parseTrain(query: string): TrainState {
  const given = new URLSearchParams(query);
  const text = (name: string, rule: RegExp) => {
    const value = given.get(name);
    return value !== null && rule.test(value) ? value : null;
  };
  const count = (name: string) => {
    const value = text(name, /^[0-9]{1,15}$/);
    return value === null ? null : Number(value);
  };
  const pairs = (name: string) =>
    given.getAll(name).flatMap((pair): [string, string][] => {
      const match = CHANGED.exec(pair);
      return match?.[1] && match[2] ? [[match[1], match[2]]] : [];
    });
  const packing = pairs("pack").filter(([field, value]) => isPacking(field, value));
  return {
    packing: Object.fromEntries(packing),
    dataset: text("dataset", NAME),
    model: text("model", NAME),
    preset: text("preset", NAME),
    images: count("images"),
    from: text("from", NAME),
    overrides: Object.fromEntries(pairs("set")),
    job: text("job", ID),
    compare: text("compare", ID),
    at: count("at"),
  };
}

/** The query of the address of a state: only what differs from the empty one. */
export function formatTrain(state: TrainState): string {
  const { overrides, packing, images, at, ...texts } = state;
  const query = new URLSearchParams(
    screenQuery("train", {
      ...texts,
      images: images === null ? null : String(images),
      at: at === null ? null : String(at),
    }),
  );
  for (const [field, value] of Object.entries(packing)) query.append("pack", `${field}:${value}`);
  for (const [field, value] of Object.entries(overrides)) query.append("set", `${field}:${value}`);
  return `?${query}`;
}

function isPacking(field: string, value: string): boolean {
  return field in PACKING && PACKING[field as keyof UploadFields].test(value);
}

export const TRAIN: Codec<TrainState> = { parse: parseTrain, format: formatTrain };
