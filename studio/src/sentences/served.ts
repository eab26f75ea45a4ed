import type { Schemas } from "../api/client";
import { n, type Sentences, score, sentenceOf } from "./facts";

type Reason = Schemas["ServedReason"];

/** Why a checkpoint is served, in Japanese, as phrases. */
export const SERVED: Sentences<Reason> = {
  set_by_hand: () => "手動で選択",
  newest: () => "最新。スコアのあるものはまだありません",
  newest_imported: () => "最新。スコアは別の場所で計算されたもので、ここではまだ採点されていません",
  lowest_kid: ({ images_seen, kid, low, high, compared, trainings }) => {
    if (kid === null) return null;
    const among = trainings > 1 ? `同じ画像による ${n(trainings)} 回の学習で、` : "";
    const choice = compared > 1 ? `スコアのある ${n(compared)} 個のうち KID が最低` : "唯一の KID";
    const within = low === null || high === null ? "" : `(${score(low)} ~ ${score(high)})`;
    return `${among}${choice}: ${score(kid)}${within}、${n(images_seen)} 枚の時点`;
  },
};

export function servedReason(reason: Reason | null): string | null {
  return sentenceOf(SERVED, reason);
}
