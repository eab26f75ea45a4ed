import type { Job } from "../api/client";
import type { Language } from "../i18n";
import type { JobError } from "./jobErrors";

type Remedy = Record<Language, string>;

const MEMORY: Remedy = {
  en: "The machine ran out of memory. Give the training smaller batches, a narrower network or smaller pictures, or end other jobs first, then start it again.",
  ja: "メモリーが足りなくなりました。バッチを小さく、ネットワークを狭く、または画像を小さくするか、ほかのジョブを先に終わらせてから、やり直してください。",
};
const MEMORY_FOR_PICTURES: Remedy = {
  en: "Free memory on the worker's machine, then upload the pictures again.",
  ja: "ワーカーのマシンのメモリーを空けてから、画像をアップロードし直してください。",
};
const CRASH: Remedy = {
  en: "Every attempt failed. The end of the job's log says more.",
  ja: "毎回やり直しましたが、成功しませんでした。ジョブのログの末尾に詳しい情報があります。",
};

/** What helps against an error; null where the error itself says what to do. */
const REMEDIES: Record<JobError["kind"], Remedy | null> = {
  out_of_memory: MEMORY,
  worker_lost: MEMORY,
  crashed: CRASH,
  worker_failed: CRASH,
  data_missing: {
    en: "Check whether files in the service's data folder were moved or deleted. If they are lost, upload the pictures or import the model again, then start the job again.",
    ja: "サービスのデータフォルダーから、ファイルが移動または削除されていないか確かめてください。失われているときは、画像をアップロードし直すか、モデルを読み込み直してから、やり直してください。",
  },
  packages_missing: {
    en: "Install what is named on the worker's machine, then start the job again.",
    ja: "示されたものをワーカーのマシンにインストールしてから、やり直してください。",
  },
  disk_full: {
    en: "Free space on the disk, for example by deleting models or datasets.",
    ja: "モデルやデータセットを削除するなどして、ディスクの空きを増やしてください。",
  },
  stalled: {
    en: "Check whether the worker's machine is overloaded or its disk is too slow, then start the job again.",
    ja: "ワーカーのマシンの負荷が高すぎないか、ディスクが遅すぎないかを確かめてから、やり直してください。",
  },
  diverged: {
    en: "Start it again with a lower learning rate, or with “stability: auto”, or from an earlier checkpoint.",
    ja: "学習率を下げるか、「stability: auto」を使うか、より前のチェックポイントから、やり直してください。",
  },
  not_scored: {
    en: "Evaluate the model on the screen Models.",
    ja: "「モデル」の画面で、モデルを評価してください。",
  },
  dataset_unreadable: {
    en: "Delete the dataset on the screen Train, upload its pictures again, then start the job again.",
    ja: "「学習」の画面でデータセットを削除し、画像をアップロードし直してから、やり直してください。",
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
    en: "Add pictures, or repair the refused ones, and upload them again.",
    ja: "画像を増やすか、採用されなかった画像を直して、アップロードし直してください。",
  },
  all_alike: null,
  too_many_pictures: null,
  unpacks_too_large: null,
  broken_archive: null,
};

/** The remedy for the error of a job of a kind; null for an error of an unknown kind too. */
export function remedyOf(error: JobError | null, job: Job["kind"]): Remedy | null {
  if (error === null) return null;
  const remedy = REMEDIES[error.kind] ?? null;
  return remedy === MEMORY && job === "ingest" ? MEMORY_FOR_PICTURES : remedy;
}
