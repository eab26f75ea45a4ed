import type { Schemas } from "../api/client";
import { bytes, duration, n, percent, type Sentences, sentenceOf } from "./facts";
import {
  balanceAdvice,
  balanceSays,
  findingAdvice,
  findingSays,
  varietyAdvice,
  varietySays,
} from "./findings";
import { servedReason } from "./served";

export type Warning = Schemas["Quote"]["warning_facts"][number];
type Afterwards = Schemas["ModelHasCheckpoints"]["next_served"];

const AFTERWARDS: Record<Afterwards, (dataset: string) => string> = {
  chosen_stays: () => "配信中のチェックポイントは手動で選ばれたもので、変わりません。",
  newest: () => "スコアのあるものができるまでは、最新のチェックポイントが配信されます。",
  lower_kid: () => "新しいチェックポイントは、KID が今より低くなったときに配信されます。",
  other_pictures: (dataset) =>
    `${dataset} は別の画像なのでスコアを比べられず、新しい学習は最初のスコアが出た時点で配信されます。今のチェックポイントを配信し続けるには、「モデル」の画面で選んでください。`,
};

/** The warnings before a training, in Japanese. */
export const WARNINGS: Sentences<Warning> = {
  few_pictures: ({ pictures, enough }) =>
    `画像が ${n(pictures)} 枚しかありません。${n(enough)} 枚より少ないと、モデルは画像を丸暗記します。画像を増やすか、「出発点」で似た画像のモデルを選んでください。`,
  finding: ({ finding, count, share, advice, ranges }) => {
    const remedy = findingAdvice(advice);
    return remedy && `${findingSays({ kind: finding, count, share, ranges })}${remedy}`;
  },
  low_variety: (warning) => {
    const remedy = varietyAdvice(warning.advice);
    return remedy && `${varietySays(warning)}${remedy}`;
  },
  unbalanced_classes: (warning) => {
    const says = balanceSays(warning.classes, warning);
    const remedy = balanceAdvice(warning.advice, warning);
    return says && remedy && `${says}${remedy}`;
  },
  too_few_images: ({ images, views, least_images }) =>
    `${n(images)} 枚の学習では、1 枚の画像を ${n(views, 1)} 回しか見ません。多くを学ぶには足りないので、${n(least_images)} 枚以上にしてください。`,
  too_many_views: ({ images, views, max_views }) =>
    `${n(images)} 枚の学習では、1 枚の画像を ${n(views)} 回見ます。およそ ${n(max_views)} 回を超えると識別器が画像を丸暗記し、生成器はそれ以上良くなりません。学習する枚数を減らすか、画像を増やしてください。`,
  large_batch: ({ batch_size, better_batch_size }) =>
    `これほど短い学習では、${n(batch_size)} 枚のバッチより ${n(better_batch_size)} 枚のバッチのほうが、同じ時間で多くを学びます。64×64 の画像では、実画像との距離が 64 枚のバッチの 0.48 ~ 0.77 倍でした。batch_size は空欄にしてください。`,
  mirroring: ({ dataset, known }) =>
    known
      ? `${dataset} の画像は左右反転しても使われますが(horizontal_flip)、反転した画像はこのデータセットの画像らしく見えません。`
      : `${dataset} の画像は左右反転しても使われますが(horizontal_flip)、反転した画像がこのデータセットの画像らしく見えるかどうかは調べられていません。`,
  not_timed: ({ worker, device }) =>
    `${machine(worker)}(${device})では、測定の制限時間内に 1 ステップも終わらず、所要時間がわかりません。width かバッチを小さくしてください。`,
  extrapolated: ({ batch_size, timed_batch_size }) =>
    `${n(batch_size)} 枚のバッチは測定の制限時間に収まらないため、時間とメモリーは ${n(timed_batch_size)} 枚のバッチから見積もりました。`,
  busy_machine: ({ waiting_share, worker }) =>
    `${machine(worker)}では測定中にほかの処理も動いていて、時間の ${percent(waiting_share)}を待ちに取られました。ほかの処理がなければ、学習はもっと速く進みます。`,
  too_little_memory: ({ needed_bytes, free_bytes }) =>
    `学習にはおよそ ${bytes(needed_bytes)} のメモリーが必要ですが、空きは ${bytes(free_bytes)} です。width かバッチを小さくしてください。`,
  slow: ({ seconds, images_per_second, worker, device }) =>
    `この学習は、${machine(worker)}(${device}、毎秒 ${n(images_per_second)} 枚)でおよそ ${duration(seconds)}かかります。`,
  checkpoints_thinned: ({ checkpoints, kept }) =>
    `およそ ${n(checkpoints)} 個のチェックポイントのうち、残るのは ${n(kept)} 個です(最良、最新、途中から均等に選んだもの)。上限は MOGGY_CHECKPOINTS_KEPT と MOGGY_CHECKPOINT_BUDGET_MB で決まります。`,
  model_has_checkpoints: (warning) => {
    const { model, checkpoints, served, start, dataset } = warning;
    const begins = start
      ? `この学習はチェックポイント ${start} から続けます。`
      : "この学習はそのどれからでもなく、ノイズから始めます。続きから始めるには「出発点」で選んでください。";
    const reason = servedReason(warning.served_reason);
    return `モデル ${model} にはすでに ${n(checkpoints)} 個のチェックポイントがあり、${served} が配信されています(${reason})。${begins}${AFTERWARDS[warning.next_served](dataset)}`;
  },
};

export function warningOf(warning: Warning | undefined): string | null {
  return sentenceOf(WARNINGS, warning);
}

/** The machine that timed a step: a training worker, or the one of the service. */
export function machine(worker: string | null): string {
  return worker === null ? "サービスのマシン" : `ワーカー ${worker}`;
}
