import type { Schemas } from "../api/client";
import { n } from "./facts";

type Projection = Schemas["ProjectionView"];
type Verdict = NonNullable<Projection["verdict"]>;

/** Whether a model can make a photo, in Japanese, by the number of pictures compared with. */
export const VERDICTS: Record<Verdict, (pictures: string) => string> = {
  unrelated: () =>
    "このモデルでは、この写真を再現できません。最も近い画像でも、モデルの無関係な画像どうしと同じくらい離れています。",
  not_compared: () =>
    "このモデルは、この写真を再現できます。学習した画像がここにないため、順位は生成した画像と比べたものです。",
  outside: (pictures) =>
    `このモデルでは、この写真を再現できません。データセットのうち学習に使わなかった ${pictures} 枚の 95 % の場合よりも、遠い画像しか作れません。`,
  inside: (pictures) =>
    `このモデルは、この写真を再現できます。データセットのうち学習に使わなかった ${pictures} 枚と同じくらい近い画像を作れます。`,
};

export function verdictOf({ verdict, calibration }: Projection): string | null {
  if (!verdict || !calibration) return null;
  return VERDICTS[verdict](n(calibration.pictures));
}
