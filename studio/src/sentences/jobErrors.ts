import type { Job, Schemas } from "../api/client";
import { bytes, duration, n, type Sentences, sentenceOf } from "./facts";

export type JobError = NonNullable<Job["error_facts"]>;

/** Why a job failed or waits, in Japanese. */
export const JOB_ERRORS: Sentences<JobError> = {
  out_of_memory: ({ attempts }) =>
    `処理が強制終了されました。メモリー不足の可能性があります(${tried(attempts)})。`,
  crashed: ({ attempts }) => `処理が予期せず止まりました(${tried(attempts)})。`,
  worker_lost: ({ attempts }) =>
    `ワーカーからの応答が ${n(attempts)} 回途絶えました。ワーカーが強制終了されたか、マシンのメモリーが足りなくなった可能性があります。`,
  worker_failed: ({ attempts }) => `ワーカーでエラーが起きました(${tried(attempts)})。`,
  data_missing: ({ attempts }) =>
    `必要なファイルが、ワーカーのマシンに見つかりませんでした(${tried(attempts)})。`,
  packages_missing: () => "ワーカーのマシンに、学習に必要な Python のパッケージがありません。",
  disk_full: ({ free_bytes, room_needed }) =>
    `ワーカーのディスクがいっぱいです(空き ${bytes(free_bytes)})。${bytes(room_needed)} の空きができると、保存されたところから続きます。`,
  stalled: ({ seconds }) => `${duration(seconds)}のあいだ進まなかったため、処理を止めました。`,
  diverged: () =>
    "学習が発散しました。前の状態に戻して学習率を下げても、数値が有限になりませんでした。",
  not_scored: () =>
    "最後のチェックポイントを採点できませんでした。学習は終わっており、チェックポイントは配信されます。",
  dataset_unreadable: () =>
    "データセットのファイルを使えませんでした。見つからないか、壊れているか、設定と合いません。",
  checkpoint_unreadable: () =>
    "チェックポイントのファイルを使えませんでした。見つからないか、壊れているか、別のネットワークのものです。",
  unusable_model_file: () => "このファイルは、モデルとして使えません。",
  cancelled: () => "このデータセットを作るジョブはキャンセルされました。",
  too_few_pictures: ({ accepted, received, needed }) =>
    `${n(received)} 個のファイルのうち使えるのは ${n(accepted)} 個で、データセットには ${n(needed)} 個以上が必要です。`,
  all_alike: ({ pictures, needed }) =>
    `${n(pictures)} 枚の画像がどれもほぼ同じです。データセットには、異なる画像が ${n(needed)} 枚以上必要です。ほかの画像を加えるか、「ほぼ同じ画像」で「残す」を選んでください。`,
  too_many_pictures: ({ max_images }) =>
    `1 つのデータセットに入れられるのは ${n(max_images)} 枚までです(MOGGY_MAX_DATASET_IMAGES)。分けてアップロードするか、上限を上げてください。`,
  unpacks_too_large: ({ max_bytes }) =>
    `展開すると ${bytes(max_bytes)} の上限を超えます(MOGGY_MAX_UNPACKED_BYTES)。減らしてアップロードするか、上限を上げてください。`,
  broken_archive: ({ file }) =>
    `${file} が壊れているか、途中で切れています。ファイルを確かめ、完全なものをアップロードしてください。`,
};

export function jobErrorOf(error: Schemas["JobView"]["error_facts"]): string | null {
  return sentenceOf(JOB_ERRORS, error);
}

function tried(attempts: number): string {
  return `${n(attempts)} 回試みました`;
}
