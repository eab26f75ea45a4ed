import type { Translation } from "../i18n/en";

/** The states and the kinds of jobs. */
const en = {
  queued: "Queued",
  running: "Running",
  paused: "Paused",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
  pausing: "Pausing…",
  cancelling: "Cancelling…",
  train: "Training",
  ingest: "Pictures",
  evaluate: "Evaluation",
  synthesize: "Synthesis",
  export: "Export",
  import: "Import",
  index: "Sample index",
  encoder: "Encoder",
  project: "Photo",
  directions: "Directions",
};

const ja: Translation<typeof en> = {
  queued: "待機中",
  running: "実行中",
  paused: "一時停止",
  succeeded: "完了",
  failed: "失敗",
  cancelled: "キャンセル済み",
  pausing: "一時停止しています…",
  cancelling: "キャンセルしています…",
  train: "学習",
  ingest: "画像の取り込み",
  evaluate: "評価",
  synthesize: "大量生成",
  export: "書き出し",
  import: "読み込み",
  index: "サンプル索引",
  encoder: "エンコーダー",
  project: "写真の投影",
  directions: "方向の探索",
};

export const STATUS_TEXTS = { en, ja };
