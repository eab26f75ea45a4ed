import { type Change, type Codec, useAddressState } from "../state/address";
import { screenQuery } from "../state/screen";
import { PARTS, type Part } from "./parts";
import { FAILURES, type Failure, MAX_TOY_SEED, TARGETS, type TargetName } from "./toy/names";

/** What the screen Learn shows, as its address names it. */
export interface LearnView {
  /** The part that is read; null: the top of the page. */
  part: Part | null;
  /** The failure whose switch is on. */
  provoke: Failure | null;
  /** What the toy is to learn. */
  target: TargetName;
  toySeed: number;
  /** The model whose layers are shown, the seed of its image, and the layer that is enlarged. */
  model: string | null;
  seed: number;
  layer: number | null;
}

export const DEFAULT_VIEW: LearnView = {
  part: null,
  provoke: null,
  target: "ring",
  toySeed: 1,
  model: null,
  seed: 7,
  layer: null,
};
const MOST_LAYERS = 999;

const CODEC: Codec<LearnView> = { parse: parseLearn, format: formatLearn };

export function useLearnView(): [LearnView, Change<LearnView>] {
  return useAddressState(CODEC);
}

/** Reads the query of an address. A value that is not valid counts as absent. */
export function parseLearn(query: string): LearnView {
  const given = new URLSearchParams(query);
  const oneOf = <Name extends string>(parameter: string, names: readonly Name[]) =>
    names.find((name) => name === given.get(parameter)) ?? null;
  const whole = (parameter: string, most: number) => {
    const text = given.get(parameter) ?? "";
    return /^\d{1,16}$/.test(text) && Number(text) <= most ? Number(text) : null;
  };
  return {
    part: oneOf("part", PARTS),
    provoke: oneOf("provoke", FAILURES),
    target: oneOf("target", TARGETS) ?? DEFAULT_VIEW.target,
    toySeed: whole("toy-seed", MAX_TOY_SEED) ?? DEFAULT_VIEW.toySeed,
    model: given.get("model"),
    seed: whole("seed", Number.MAX_SAFE_INTEGER) ?? DEFAULT_VIEW.seed,
    layer: whole("layer", MOST_LAYERS),
  };
}

/** The query of the address of a view: only what differs from the default. */
export function formatLearn(view: LearnView): string {
  const changed = <Name extends keyof LearnView>(name: Name) =>
    view[name] === DEFAULT_VIEW[name] ? null : String(view[name]);
  return screenQuery("learn", {
    part: view.part,
    provoke: view.provoke,
    target: changed("target"),
    "toy-seed": changed("toySeed"),
    model: view.model,
    seed: changed("seed"),
    layer: changed("layer"),
  });
}
