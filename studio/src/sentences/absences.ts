import type { ImageAnswer } from "../api/client";

type Absence = NonNullable<ImageAnswer["quality_absence"]>;

/** Why the quality of an image, or the nearest training picture, is unknown, in Japanese. */
export const ABSENCES: Record<Absence, string> = {
  training_unknown: "このチェックポイントが何から学習したのかがわかりません。",
  dataset_deleted: "学習に使われたデータセットは削除されています。",
  not_comparable: "データセットの画像と比べるための情報がありません。",
  no_index: "索引がまだありません。検索するか、質で絞り込むと作られます。",
};

export function absenceOf(absence: Absence | null | undefined): string | null {
  return absence ? ABSENCES[absence] : null;
}
