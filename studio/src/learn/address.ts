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
}

export const DEFAULT_VIEW: LearnView = { part: null, provoke: null, target: "ring", toySeed: 1 };

const CODEC: Codec<LearnView> = { parse: parseLearn, format: formatLearn };

export function useLearnView(): [LearnView, Change<LearnView>] {
  return useAddressState(CODEC);
}

/** Reads the query of an address. A value that is not valid counts as absent. */
export function parseLearn(query: string): LearnView {
  const given = new URLSearchParams(query);
  const oneOf = <Name extends string>(parameter: string, names: readonly Name[]) =>
    names.find((name) => name === given.get(parameter)) ?? null;
  const seed = given.get("toy-seed") ?? "";
  return {
    part: oneOf("part", PARTS),
    provoke: oneOf("provoke", FAILURES),
    target: oneOf("target", TARGETS) ?? DEFAULT_VIEW.target,
    toySeed: /^\d{1,10}$/.test(seed) && Number(seed) <= MAX_TOY_SEED ? Number(seed) : 1,
  };
}

/** The query of the address of a view: only what differs from the default. */
export function formatLearn({ part, provoke, target, toySeed }: LearnView): string {
  return screenQuery("learn", {
    part,
    provoke,
    target: target === DEFAULT_VIEW.target ? null : target,
    "toy-seed": toySeed === DEFAULT_VIEW.toySeed ? null : String(toySeed),
  });
}
