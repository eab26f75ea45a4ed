import type { Schemas } from "../api/client";
import { listed, n, percent } from "./facts";

type Finding = Pick<Schemas["Finding"], "kind" | "count" | "share" | "ranges">;
type Advice = NonNullable<Schemas["Finding"]["advice"]>;
type Range = Schemas["LevelRange"];

const SAYS: Record<Finding["kind"], (pictures: string) => string> = {
  near_duplicates: (pictures) =>
    `${pictures}が、前にある画像とほぼ同じです(切り抜き、再圧縮、左右反転、明るさの違いなど)。`,
  outliers: (pictures) => `${pictures}に、ほかのどの画像とも違うものが写っています。`,
  letterboxed: (pictures) => `${pictures}で、向かい合う 2 辺に単色の帯があります。`,
  blurred: (pictures) =>
    `${pictures}に細部がありません。ピントが合っていないか、小さい画像を引き伸ばしたものです。`,
  blank: (pictures) => `${pictures}には、ほぼ 1 色しか写っていません。`,
  levels: (pictures) => `${pictures}は、ファイルが持てる値のごく一部しか使っていません。`,
};

const ADVICE: Record<Advice, string> = {
  drop_repeats:
    "モデルは繰り返される画像を多く目にし、真っ先に丸暗記します。アップロードのときに「ほぼ同じ画像」で「除く」を選ぶと、最初の 1 枚だけが残ります。",
  repeats_dropped: "これらはデータセットから除かれました。",
  check_outliers:
    "画像を確かめ、関係のないものは除くか、同じ種類の画像を増やしてください。少数の変わった画像は、小さなモデルではうまく学べず、ほかの画像の学習にも響きます。",
  crop_bars: "モデルは帯も学習してしまいます。アップロードの前に切り落としてください。",
  fit_crop:
    "モデルは帯も学習してしまいます。アップロードのときに「縦横比」で「切り抜く」を選ぶか、その前に帯を切り落としてください。",
  leave_out_blurred:
    "モデルはぼけも学習してしまいます。これらの画像を除くか、はっきり見える大きさを選んでください。",
  halve_size:
    "ほとんどの画像は、画素数に見合う細部がありません。半分の大きさでアップロードしてください。",
  leave_out_blank: "学べるものがないので、除いてください。",
  stretch_levels:
    "暗く、または真っ黒に写ります。levels=auto を付けてアップロードすると、値が黒から白まで広がります。",
};

/** What a finding of the doctor says. */
export function findingSays({ kind, count, share, ranges }: Finding): string {
  if (kind === "levels" && ranges?.length) return ranges.map(levelRange).join("");
  return SAYS[kind](count === 1 ? "1 枚" : `${n(count)} 枚(${percent(share)})`);
}

export function levelRange({ images, low, high, white }: Range): string {
  const of = white === null ? "" : `、0 から ${n(white)} のうち`;
  return `${n(images)} 枚の値は${of} ${n(low, 3)} から ${n(high, 3)} の間にあります。`;
}

/** What a finding suggests; null in reports that do not say which advice it is. */
export function findingAdvice(advice: Advice | null | undefined): string | null {
  return advice ? ADVICE[advice] : null;
}

type Variety = Pick<Schemas["EffectiveImages"], "value" | "sample">;

const VARIETY_ADVICE: Record<NonNullable<Schemas["EffectiveImages"]["advice"]>, string> = {
  other_kinds: "画像がよく似ています。同じような画像を増やすより、違う種類の画像を加えてください。",
};

export function varietySays({ value, sample }: Variety): string {
  return `無作為に選んだ ${n(sample)} 枚の多様さは、すべて異なる画像 ${n(value, value < 10 ? 1 : 0)} 枚分です。`;
}

export function varietyAdvice(advice: Schemas["EffectiveImages"]["advice"]): string | null {
  return advice ? VARIETY_ADVICE[advice] : null;
}

type Balance = Pick<
  Schemas["ClassBalance"],
  "effective" | "smallest" | "largest" | "thin" | "more_thin"
>;

const BALANCE_ADVICE: Record<
  NonNullable<Schemas["ClassBalance"]["advice"]>,
  (balance: Balance) => string
> = {
  small_classes: () =>
    "どのクラスも丸暗記できるほど画像が少ないため、すべてのクラスの画像を増やすか、クラスなしで学習してください。",
  add_or_leave_out: ({ thin = [], more_thin = 0 }) =>
    `${listed(thin)}${more_thin > 0 ? ` ほか ${n(more_thin)} クラス` : ""}の画像を増やすか、クラスを使う学習から外してください。`,
};

/** Null in reports that do not name the classes. */
export function balanceSays(classes: number, balance: Balance): string | null {
  const { effective, smallest, largest } = balance;
  if (!smallest || !largest) return null;
  return `${n(classes)} クラスあり、均等さは同じ大きさの ${n(effective, 1)} クラスに相当します。最小は ${smallest.name}(${n(smallest.images)} 枚)、最大は ${largest.name}(${n(largest.images)} 枚)です。`;
}

export function balanceAdvice(
  advice: Schemas["ClassBalance"]["advice"],
  balance: Balance,
): string | null {
  return advice ? BALANCE_ADVICE[advice](balance) : null;
}
