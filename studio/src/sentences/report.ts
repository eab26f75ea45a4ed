import type { Schemas } from "../api/client";
import { bytes, listed, n, type Sentences, sentenceOf } from "./facts";
import { levelRange } from "./findings";

type Report = Schemas["Report"];
export type Rejection = Report["rejected"][number];
export type Remark = NonNullable<Report["remarks"]>[number];
type Known = Rejection & { kind: NonNullable<Rejection["kind"]> };

/** Why a file was left out, in Japanese. */
export const REJECTIONS: Sentences<Known> = {
  damaged: () => "壊れています。",
  truncated: () => "途中で切れています。",
  not_an_image: () =>
    "画像ではありません。使えるのは PNG、JPEG、WebP、AVIF、HEIC、TIFF、BMP、GIF です。",
  unread_format: () =>
    "読み込める画像の形式ではありません。画像なら PNG か JPEG で保存し直し、ほかのものなら除いてください。",
  too_small: ({ width, height, least_width, least_height }) =>
    `小さすぎます(${width} × ${height})。${least_width} × ${least_height} 以上が必要です。`,
  too_many_pixels: ({ width, height, max_pixels }) =>
    `画素が多すぎます(${width} × ${height})。上限は ${n(max_pixels)} 画素です(MOGGY_MAX_PIXELS)。`,
  too_large: (file) =>
    `ファイルが大きすぎます(${bytes(file.bytes)})。読み込めるのは ${bytes(file.max_bytes)} までです。`,
  encrypted: () => "暗号化されています。パスワードのない zip にしてください。",
  label_file: () => "ラベルのファイルとして使えませんでした。",
  link: () => "リンクです。リンク先は読み込みません。",
  nested_archive: () => "アーカイブの中のアーカイブです。先に展開してください。",
  nested_array: () => "アーカイブの中の配列です。このファイルだけをアップロードしてください。",
  no_class: () => "クラスがありません(クラスのフォルダーにも、ラベルにもありません)。",
  no_known_white: () =>
    "どの値が白なのかわかりません。levels=auto を付けてアップロードするか、uint8 か uint16 で保存し直してください。",
  no_picture: () => "画像が入っていません。",
  special_file: () => "通常のファイルではありません。",
  unsafe_path: () => "パスがフォルダーの外を指しています。",
  unsupported_archive: () =>
    "この種類のアーカイブには対応していません。zip、tar、tar.gz のどれかにしてください。",
  unsupported_compression: () =>
    "この圧縮方式には対応していません。deflate で圧縮した zip にしてください。",
  unusable_array: () => "画像やラベルの配列として読み込めませんでした。",
  other: () => null,
};

/** The kinds whose English reason says more than the kind. */
const DETAILED: ReadonlySet<string> = new Set<Known["kind"]>([
  "label_file",
  "no_picture",
  "unusable_array",
]);

export function rejectionOf(rejection: Rejection): string | null {
  return rejection.kind ? sentenceOf(REJECTIONS, rejection as Known) : null;
}

export function hasDetail({ kind }: Rejection): boolean {
  return kind != null && DETAILED.has(kind);
}

type Treatment = Schemas["Treated"]["treatment"];

const TREATMENTS: Record<Treatment, string> = {
  profile: "ファイルのカラープロファイルから sRGB に変換しました",
  profile_ignored:
    "カラープロファイルなしで読み込みました。プロファイルが壊れているか、別の色空間のものです",
  colours_ignored:
    "sRGB として読み込みました。プロファイルのない PNG のガンマ値や原色(gAMA、cHRM、cICP)は使いません",
  cmyk: "カラープロファイルなしで、簡単な式により CMYK から変換しました",
  depth: "16 ビットまたは小数の値から 8 ビットにしました",
  metadata: "壊れたメタデータを除いて読み込みました",
  enlarged:
    "データセットの大きさに拡大しました。細部は増えないので、小さい大きさでも同じように見えます",
  first_image: "複数の画像を含むファイルから、最初の 1 枚だけを使いました",
};

/** The notes about an upload as a whole, in Japanese. */
export const REMARKS: Sentences<Remark> = {
  treated: ({ treatment, count, file }) =>
    `${n(count)} 枚: ${TREATMENTS[treatment]}(${count === 1 ? file : `最初は ${file}`})。`,
  unclassified: ({ count, files, left_out, classes }) => {
    const without = `${n(count)} 枚にクラスがありません(${listed(files, count)})。`;
    return left_out
      ? `${without}unclassified=drop により除きました。`
      : `${without}そのため、ほかの画像の ${n(classes)} クラスも使われません。クラスを使うには、これらの画像をクラスのフォルダーに入れるか、unclassified=drop を付けてもう一度アップロードしてください。`;
  },
  stretched_levels: ({ range }) => `${levelRange(range)}黒から白まで広げました。`,
  too_many_classes: ({ classes, max_classes }) =>
    `画像は ${n(classes)} クラスに分かれていますが、モデルのクラスは ${n(max_classes)} までなので、このデータセットにはクラスがありません。フォルダーを減らしてください。`,
  respelt_classes: ({ classes, names }) =>
    `${n(classes)} クラスの名前に、見た目が同じで文字コードの異なる表記(NFC と NFD)がありました。それぞれ 1 つのクラスとして扱います: ${listed(names, classes)}。`,
  contradicting_duplicates: ({ count }) =>
    `重複した画像のうち ${n(count)} 枚は、最初の 1 枚と違うクラスにあります。最初の 1 枚のクラスを使います。`,
  undecoded_names: ({ archive, count, examples, read_as }) =>
    `${archive}: ${n(count)} 個の名前が UTF-8 ではありません(${listed(examples, count)})。${read_as ? `${read_as} として読みました。` : ""}名前やクラスが正しくなければ、names=shift_jis のように文字コードを指定して、もう一度アップロードしてください。`,
  single_class: () =>
    "ラベルのファイルでは、すべての画像が同じクラスです。クラスは 2 つ以上必要なので、このデータセットにはクラスがありません。",
  more_notes: () => "補足はほかにもありますが、ここには示していません。",
  other: () => null,
};

export function remarkOf(remark: Remark | undefined): string | null {
  return sentenceOf(REMARKS, remark);
}

/** Where the classes come from; null in reports that do not count the pictures with a class. */
export function labelsSay(labels: Schemas["LabelSource"]): string | null {
  const { source, with_class, files, without_class_count, contradicted } = labels;
  if (with_class == null) return null;
  if (source === "recipes")
    return `${n(with_class)} 枚のクラスは、画像に埋め込まれたレシピによります。`;
  const names = listed(
    files.slice(0, 3).map(({ file }) => file),
    files.length,
  );
  if (source === null) {
    return `${names} からはどの画像のクラスもわからないため、フォルダーがあればそれをクラスとします。`;
  }
  const rows = files.reduce((sum, file) => sum + file.without_picture_count, 0);
  return [
    `${n(with_class)} 枚のクラスは ${names} によります。フォルダーは使いません。`,
    without_class_count > 0 && `${n(without_class_count)} 枚にはクラスがありません。`,
    rows > 0 && `${n(rows)} 行には、対応する画像がアップロードの中にありません。`,
    contradicted > 0 &&
      `${n(contradicted)} 枚には異なるクラスが書かれています。最初の行を使います。`,
  ]
    .filter(Boolean)
    .join("");
}
