import type { Language } from "../i18n";
import type { JobError } from "./jobErrors";

type Remedy = Record<Language, string>;

const MEMORY: Remedy = {
  en: "The machine ran out of memory. Give the training smaller batches, a narrower network or smaller pictures, or end other jobs first, then queue it again.",
  ja: "メモリーが足りなくなりました。バッチを小さく、ネットワークを狭く、または画像を小さくするか、ほかのジョブを先に終わらせてから、もう一度登録してください。",
};
const CRASH: Remedy = {
  en: "The job was tried again each time, without success. The end of its log says more.",
  ja: "毎回やり直しましたが、成功しませんでした。ジョブのログの末尾に詳しい情報があります。",
};

/** What helps against an error; null where the error itself says what to do. */
const REMEDIES: Record<JobError["kind"], Remedy | null> = {
  out_of_memory: MEMORY,
  worker_lost: MEMORY,
  crashed: CRASH,
  worker_failed: CRASH,
  data_missing: {
    en: "Look whether files were moved or deleted in the data folder of the service. If they are lost, upload the pictures or import the model again, then queue it again.",
    ja: "サービスのデータフォルダーから、ファイルが移動または削除されていないか確かめてください。失われているときは、画像をアップロードし直すか、モデルを読み込み直してから、もう一度登録してください。",
  },
  packages_missing: {
    en: "Install what is named on the machine of the worker, then queue it again.",
    ja: "示されたものをワーカーのマシンに入れてから、もう一度登録してください。",
  },
  disk_full: {
    en: "Free space on the disk, for example by deleting models or datasets.",
    ja: "モデルやデータセットを削除するなどして、ディスクの空きを増やしてください。",
  },
  stalled: {
    en: "Look whether the machine of the worker is overloaded, or its disk too slow, then queue it again.",
    ja: "ワーカーのマシンの負荷が高すぎないか、ディスクが遅すぎないかを確かめてから、もう一度登録してください。",
  },
  diverged: {
    en: "Queue it again with a lower learning rate, or with “stability: auto”, or from an earlier checkpoint.",
    ja: "学習率を下げるか、「stability: auto」を使うか、より前のチェックポイントから、もう一度登録してください。",
  },
  not_scored: {
    en: "Evaluate the model on the screen Models.",
    ja: "「モデル」の画面で、モデルを評価してください。",
  },
  dataset_unreadable: {
    en: "Delete the dataset on the screen Train, upload its pictures again, then queue it again.",
    ja: "「学習」の画面でデータセットを削除し、画像をアップロードし直してから、もう一度登録してください。",
  },
  checkpoint_unreadable: {
    en: "Choose another checkpoint, or import the model again.",
    ja: "別のチェックポイントを選ぶか、モデルを読み込み直してください。",
  },
  unusable_model_file: null,
  cancelled: {
    en: "Upload the pictures again.",
    ja: "画像をアップロードし直してください。",
  },
  too_few_pictures: {
    en: "Add pictures, or mend the refused ones, and upload them again.",
    ja: "画像を増やすか、採用されなかった画像を直して、アップロードし直してください。",
  },
  all_alike: null,
  too_many_pictures: null,
  unpacks_too_large: null,
  broken_archive: null,
};

/** The remedy for the error of a job; null for an error of an unknown kind too. */
export function remedyOf(error: JobError | null): Remedy | null {
  return error === null ? null : (REMEDIES[error.kind] ?? null);
}
