import { SCORE_NAMES, type Score } from "../scores/scores";
import type { Codec } from "../state/address";
import { screenQuery } from "../state/screen";

/** What the screen Models shows: all models, or one, with the score that its chart shows. */
export interface ModelsView {
  model: string | null;
  score: Score;
}

export const MODELS_CODEC: Codec<ModelsView> = {
  parse: (query) => {
    const given = new URLSearchParams(query);
    return {
      model: given.get("model"),
      score: SCORE_NAMES.find((score) => score === given.get("score")) ?? "kid",
    };
  },
  format: ({ model, score }) =>
    screenQuery("models", { model, score: score === "kid" ? null : score }),
};

/** The address of one model on this screen. */
export function modelQuery(model: string | null): string {
  return MODELS_CODEC.format({ model, score: "kid" });
}
