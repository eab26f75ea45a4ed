import type { Problem } from "../api/problem";

type Kind = NonNullable<Problem["kind"]>;

/** Why a request was refused, in Japanese. */
export const PROBLEMS: Record<Kind, (problem: Pick<Problem, "field" | "value">) => string> = {
  broken_checkpoint: () =>
    "このチェックポイントのファイルが壊れているか、見つかりません。ほかのチェックポイントは使えます。",
  client_left: () => "通信が途中で切れました。もう一度お試しください。",
  conflict: () => "今の状態では、この操作はできません。",
  deadline_passed: () => "時間内に終わりませんでした。もう一度お試しください。",
  forbidden: () => "この操作は許可されていません。",
  in_use: () => "ジョブが使っています。終わるのを待つか、先にジョブをキャンセルしてください。",
  index_missing: () => "検索のための索引を作っています。しばらくお待ちください。",
  insufficient_storage: () =>
    "ディスクの空きが足りません。モデルやデータセットを削除するなどして空きを増やし、もう一度お試しください。",
  internal_error: () => "サービスの内部でエラーが起きました。サービスのログに原因があります。",
  invalid_request: ({ field }) =>
    field === null ? "入力に誤りがあります。" : `「${field}」の値に誤りがあります。`,
  limit_exceeded: ({ field }) =>
    field === null ? "上限を超えています。" : `「${field}」が上限を超えています。`,
  malformed_body: () => "送られた内容を読み取れませんでした。",
  method_not_allowed: () => "この操作はできません。",
  model_renamed: ({ value }) =>
    value === null ? "モデルの名前が変わりました。" : `モデルの名前は「${value}」に変わりました。`,
  name_taken: ({ value }) =>
    value === null
      ? "その名前はすでに使われています。別の名前にしてください。"
      : `「${value}」という名前はすでに使われています。別の名前にしてください。`,
  not_acceptable: () => "求められた形式では返せません。",
  not_found: () => "見つかりませんでした。名前やアドレスを確かめてください。",
  only_rejected: () => "条件に合う画像が足りません。条件をゆるめてください。",
  queue_full: () => "待ち行列がいっぱいです。ほかのジョブが終わってから、もう一度お試しください。",
  range_not_satisfiable: () => "ファイルにない範囲が求められました。",
  too_large: () => "送られたデータが大きすぎます。",
  too_slow: () => "データが時間内に届きませんでした。もう一度お試しください。",
  unauthorized: () => "キーが必要です。",
  unavailable: () => "サービスが一時的に応答できません。少し待ってから、もう一度お試しください。",
  unsupported_media_type: () => "この種類のデータは受け付けられません。",
};

/** The class of the problem; of one without a known kind only that there is one. */
export function problemOf(problem: Problem): string {
  const sentence = problem.kind === null ? undefined : PROBLEMS[problem.kind];
  return sentence?.(problem) ?? `サービスがエラーを返しました(${problem.status})。`;
}
