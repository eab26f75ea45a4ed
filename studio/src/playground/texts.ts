const en = {
  playground: "Playground",
  facts: (size: string, images: string) => `${size} · learnt from ${images} images`,
  opening: "Opening the generator",
  openingHelp: "It is in this file, and runs in this page. Nothing is sent anywhere.",
  cannotOpen: "The generator cannot run here",
  cannotOpenHelp: (error: string) =>
    `This page needs a browser of the year 2023 or later with WebAssembly. It says: ${error}`,
  pictures: "Pictures",
  stage: "The picture that is open",
  mode: "What to do",
  mode_picture: "Picture",
  mode_morph: "Morph",
  mode_pad: "Pad",
  help_picture: "Choose any picture below or beside.",
  help_morph: "Choose a picture for the marked place. The slider goes from the first to the last.",
  help_pad: "Choose a picture for the marked corner, and drag the dot.",
  pickOf: (name: string, place: number, all: number) => `${name}, ${place} of ${all}`,
  addPick: "Add a picture",
  removePick: "Take the marked picture out",
  play: "Play",
  pause: "Pause",
  position: "Position",
  pad: "Pad",
  padPlace: (right: string, down: string) => `${right} to the right, ${down} down`,
  directions: "Directions",
  directionsOf: (name: string) => `Directions of ${name}`,
  amountOf: (name: string) => `Amount of ${name}`,
  reset: "Reset",
  save: (file: string, size: string) => `Save as ${file}, ${size}`,
  savePicture: "Save the picture",
  named: "Saved under a name",
  seeds: "Pictures by seed",
  seed: "Seed",
  go: "Go",
  dice: "Any seed",
  badSeed: (text: string, last: string) =>
    `${text} is no seed: give a whole number from 0 to ${last}`,
  seedName: (seed: string) => `Seed ${seed}`,
  earlier: "Earlier seeds",
  later: "Later seeds",
  range: (first: string, last: string) => `${first} to ${last}`,
  className: "Class",
  classBySeed: "Class by seed",
  display: "Display",
  truncation: "Truncation",
  truncationHelp: "Lower: more typical pictures, less variety",
  scaling: "Enlarged pixels",
  scalingSmooth: "Smooth",
  scalingSharp: "Sharp",
  about: "About",
  aboutText:
    "This file holds a generator of pictures, trained and exported with Moggy. Every picture is " +
    "made in this page, without a network. A seed gives the same picture as the service that the " +
    "file comes from.",
  model: "Model",
  checkpoint: "Checkpoint",
  weights: "Weights, SHA-256",
  size: "Pictures",
  preset: "Preset",
  trainedOn: "Trained on",
  dataset: (name: string, images: string | null) =>
    images === null ? name : `${name}, ${images} pictures`,
  leftOut: (latents: number, directions: number) =>
    `Not in this file, since they belong to other checkpoints: ${latents} saved latents, ` +
    `${directions} directions.`,
  licence: "Licence",
  notices: "Licences of the software in this file",
};

type Text<T> = T extends (...values: infer V) => string ? (...values: V) => string : string;

/** What each language has. */
export type Texts = { [Name in keyof typeof en]: Text<(typeof en)[Name]> };

const ja: Texts = {
  playground: "プレイグラウンド",
  facts: (size, images) => `${size} · ${images} 枚から学習`,
  opening: "生成器を開いています",
  openingHelp: "生成器はこのファイルの中にあり、このページで動きます。何も送信されません。",
  cannotOpen: "ここでは生成器を動かせません",
  cannotOpenHelp: (error) =>
    `WebAssembly に対応した 2023 年以降のブラウザーが必要です。エラー: ${error}`,
  pictures: "画像",
  stage: "開いている画像",
  mode: "操作",
  mode_picture: "画像",
  mode_morph: "モーフ",
  mode_pad: "パッド",
  help_picture: "一覧から画像を選んでください。",
  help_morph: "印の付いた場所に入れる画像を選びます。スライダーは最初から最後まで動きます。",
  help_pad: "印の付いた角に入れる画像を選び、点をドラッグします。",
  pickOf: (name, place, all) => `${name}、${all} 個中 ${place} 番目`,
  addPick: "画像を加える",
  removePick: "印の付いた画像を外す",
  play: "再生",
  pause: "一時停止",
  position: "位置",
  pad: "パッド",
  padPlace: (right, down) => `右へ ${right}、下へ ${down}`,
  directions: "方向",
  directionsOf: (name) => `${name} の方向`,
  amountOf: (name) => `${name} の量`,
  reset: "元に戻す",
  save: (file, size) => `${file} で保存、${size}`,
  savePicture: "画像を保存",
  named: "名前を付けて保存された画像",
  seeds: "シード順の画像",
  seed: "シード",
  go: "移動",
  dice: "おまかせ",
  badSeed: (text, last) => `${text} はシードではありません。0 から ${last} までの整数です`,
  seedName: (seed) => `シード ${seed}`,
  earlier: "前のシード",
  later: "次のシード",
  range: (first, last) => `${first} から ${last}`,
  className: "クラス",
  classBySeed: "シードが決めるクラス",
  display: "表示",
  truncation: "トランケーション",
  truncationHelp: "小さいほど典型的な画像になり、多様さは減ります",
  scaling: "拡大した画素",
  scalingSmooth: "なめらか",
  scalingSharp: "くっきり",
  about: "情報",
  aboutText:
    "このファイルには、Moggy で学習し書き出した画像の生成器が入っています。画像はすべてこのページの中で、" +
    "ネットワークなしで作られます。同じシードからは、書き出し元のサービスと同じ画像ができます。",
  model: "モデル",
  checkpoint: "チェックポイント",
  weights: "重みの SHA-256",
  size: "画像",
  preset: "プリセット",
  trainedOn: "学習した画像",
  dataset: (name, images) => (images === null ? name : `${name}、${images} 枚`),
  leftOut: (latents, directions) =>
    `別のチェックポイントのものなので、このファイルにありません: 保存された潜在変数 ${latents} 個、` +
    `方向 ${directions} 個。`,
  licence: "ライセンス",
  notices: "このファイルに含まれるソフトウェアのライセンス",
};

/** The language of the browser, where the page has it. */
export const language = navigator.language.startsWith("ja") ? "ja" : "en";

export const t: Texts = { en, ja }[language];

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}
