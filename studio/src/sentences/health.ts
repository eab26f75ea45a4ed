import type { Schemas } from "../api/client";
import { n, percent } from "./facts";

export type Alert = Schemas["HealthData"];
type Signal = NonNullable<Alert["signal"]>;

/** What each signal of a training says and suggests, in Japanese. A sentence is null where its
 * figures are missing, as in what older versions have stored. */
export const SIGNALS: Record<Signal, { says: (alert: Alert) => string | null; suggests: string }> =
  {
    oscillation: {
      says: ofValue(
        (value) =>
          `識別器が実画像を生成画像と取り違えるステップがあり、その損失は、当てずっぽうで判定したときの 1.5 倍を平均で ${percent(value)} 上回っています(振動)。`,
      ),
      suggests: "識別器の学習率(discriminator_learning_rate)を下げるか、罰則(r1)を使ってください。",
    },
    vanishing_gradient: {
      says: ofValue(
        (value) =>
          `識別器の勾配のうち、損失を通って生成器に伝わるのは ${percent(value)} だけです(勾配消失)。`,
      ),
      suggests:
        "損失を non_saturating にするか、識別器のステップ数(discriminator_steps)や学習率(discriminator_learning_rate)を下げてください。",
    },
    mode_collapse: {
      says: ofValue(
        (value) =>
          `生成された画像どうしの距離は、実画像どうしの距離の ${percent(value)} しかありません(モード崩壊)。`,
      ),
      suggests:
        "罰則(r1)か、データ拡張(augmentation)か、より大きな潜在変数(latent_dim)を使ってください。",
    },
    overfitting: {
      says: ofValue(
        (value) =>
          `見たことのない実画像への識別器の評価が、学習画像への評価から生成画像への評価に向かって ${percent(value)} ずれています(過学習)。`,
      ),
      suggests:
        "データ拡張(augmentation)を使うか、画像を増やすか、学習する枚数を減らしてください。",
    },
    plateau: {
      says: ({ value, figures }) => {
        if (value == null || !figures) return null;
        const { best, last } = figures;
        return `${n(value)} 枚前から良くなっていません。KID は ${n(best.images_seen)} 枚の時点の ${kid(best)} が最良で、最後は ${kid(last)} でした。`;
      },
      suggests:
        "ここで終えるか(最良のチェックポイントが配信されます)、学習率を下げるか画像を増やして続けてください。",
    },
    not_finite: {
      says: ({
        images_seen,
        generator_learning_rate: generator,
        discriminator_learning_rate: other,
      }) =>
        images_seen == null || generator == null || other == null
          ? null
          : `損失や重みが有限の数でなくなったため、${n(images_seen)} 枚の時点に戻し、学習率を半分にしました(生成器 ${generator}、識別器 ${other})。`,
      suggests: "学習率を下げるか、別の損失、罰則(r1)、または precision=float32 を選んでください。",
    },
  };

function ofValue(sentence: (value: number) => string): (alert: Alert) => string | null {
  return ({ value }) => (value == null ? null : sentence(value));
}

function kid({ kid, low, high }: Schemas["KidInterval"]): string {
  return `${kid.toFixed(4)}(${low.toFixed(4)} ~ ${high.toFixed(4)})`;
}

export function alertSays(alert: Alert): string | null {
  return alert.signal ? (SIGNALS[alert.signal]?.says(alert) ?? null) : null;
}

export function alertSuggests(alert: Alert): string | null {
  return alert.signal ? (SIGNALS[alert.signal]?.suggests ?? null) : null;
}

/** Both in one; null where the figures of the first are missing. */
export function alertMessage(alert: Alert): string | null {
  const says = alertSays(alert);
  return says && `${says}${alertSuggests(alert) ?? ""}`;
}
