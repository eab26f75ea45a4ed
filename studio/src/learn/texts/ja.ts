import type { LearnTexts } from "./en";

export const ja: LearnTexts = {
  title: "GAN はどのように学習するのか",
  lead: "2 つのネットワークが競い合い、やがて片方が画像を作れるようになります。このページのゲームは、読んでいるあいだも進みます。小さなゲームはブラウザの中で、大きなゲームはこのサービスの中で動きます。",
  contents: "目次",
  part_story: "偽造者と警察",
  part_formula: "数式",
  part_toy: "自分で試す",
  part_oscillation: "振動",
  part_collapse: "モード崩壊",
  part_vanishing: "勾配消失",
  part_loss: "何も語らない損失",
  part_digits: "手書き数字",
  part_layers: "DCGAN の中身",

  story: [
    "偽造者が紙幣を作ります。警察は本物と偽物の紙幣を見せられ、それぞれがどれくらい本物らしいかを答えます。最初はどちらも何も知りません。",
    "偽造者は本物の紙幣を一度も見ません。自分の紙幣への判定だけを聞き、次の判定が良くなるように少しだけ変わります。警察は判定が正しくなるように少しだけ変わります。一方が学んだことが、もう一方の次の課題になります。",
    "偽造者にあたるのが生成器 G です。乱数 z を画像に変えます。警察にあたるのが識別器 D です。画像を 0（偽物）から 1（本物）までの数に変えます。",
    "ここでは 1 枚の画像を平面上の 1 点で表し、すべてを一度に見られるようにしています。青緑の点が本物、橙の点が偽物です。背景はその場所での判定を表し、警察が「本物」と言う場所は青緑、「偽物」と言う場所は橙になります。",
  ],
  storyDiagram:
    "偽造者はノイズから偽の紙幣を作ります。警察はそれを本物と並べて見ます。判定は偽造者に返されます。",
  noise: "ノイズ z",
  forger: "偽造者 G",
  police: "警察 D",
  realPile: "本物",
  forgedPile: "偽物",
  verdict: "判定",
  saysReal: "本物への D",
  saysForged: "偽物への D",
  turnOfNobody: "ゲームは警察の番から始まります。",
  turnOfDiscriminator: "警察の番：両方の山から学びます。本物の値を上げ、偽物の値を下げます。",
  turnOfGenerator: "偽造者の番：判定から学び、警察が「本物」と言うほうへ点を動かします。",
  turnsAlternate: (steps) => `交互に学習しています。これまでに ${steps} 回。`,
  watchTurns: "1 手ずつ見る",

  formula: [
    "両者は 1 つの数 V をめぐって競います。警察は V をできるだけ大きく、偽造者はできるだけ小さくしようとします。",
    "第 1 項は、警察が本物の点を本物と判定するほど大きくなります。第 2 項は、偽物の点を偽物と判定するほど大きくなります。偽造者が変えられるのは第 2 項だけです。いま番が回ってきている側が変えられる項が明るく表示され、その下に、表示中の学習での値が出ます。",
    "完璧な偽造者が相手だと、警察は当て推量しかできません。D はどこでも ½ になり、V は −2 ln 2 ≈ −1.386 になります。これがこのゲームの唯一の均衡です。",
    "実際には、偽造者は log(1 − D(G(z))) を小さくする代わりに log D(G(z)) を大きくします。目指すところは同じですが、偽物がすべて見破られているあいだも学習が進みます。この形は non-saturating（飽和しない）損失と呼ばれ、Moggy のほとんどのプリセットが使っています。",
  ],
  formulaLabel:
    "G についての最小、D についての最大：log D(x) の期待値と log(1 − D(G(z))) の期待値の和",
  value: "現在の V",
  balance: "均衡では",

  toy: [
    "何を本物とするかを選んでください。1 つの雲なら数秒で見つかります。円周上の 8 つのかたまりには数百回かかります。偽造者はそのすべてに広がらなければならず、警察は点が集まりすぎた場所を見張っているからです。",
    "同じシードなら、ゲームは 1 手ずつまったく同じように進みます。シードを変えると、別の初期値のネットワークから始まります。",
  ],
  target: "本物の分布",
  target_ring: "円環",
  target_moons: "三日月",
  target_grid: "格子",
  target_cloud: "雲",

  failures: "4 つの失敗",
  failuresLead:
    "GAN は学習が難しいことで知られています。それぞれのスイッチは、同じ出発点から、典型的な失敗を 1 つ起こします。オンにして様子を見てから、オフに戻してみてください。",
  seen: "何が見えるか",
  why: "なぜ起きるのか",
  remedy: "Moggy の対策",

  oscillation_switch: "大きすぎる歩幅",
  oscillation_seen:
    "点の群れは雲を通り過ぎ、引き返してまた通り過ぎます。線は群れの中心がたどった跡です。損失は揺れ続け、落ち着きません。",
  oscillation_why:
    "どちらも相手の直前の手に応じて動きます。歩幅が 10 倍で、古い方向に進み続ける慣性（β₁ = 0.9）もあると、着いたときには相手はもうそこにいません。急すぎる識別器を抑える R1 ペナルティも外してあります。",
  oscillation_remedy:
    "プリセットの歩幅は小さく、DCGAN では β₁ = 0.5 です。学習中に識別器の損失が当て推量の損失を大きく上回ると「oscillation」を報告し、stability が「auto」なら識別器の学習率を半分にします。配信するのは重みの平均（EMA）で、重みそのものより揺れが小さくなります。",
  collapse_switch: "偽造者だけ 5 手ずつ",
  collapse_seen:
    "すべての点が 1 か所に集まります。警察がその場所を覚えると、そろって別の場所へ移ります。8 つのかたまりのうち、覆われるのは 1 つか、ゼロです。",
  collapse_why:
    "警察が 1 手打つあいだに、偽造者は 2 倍の歩幅で 5 手打ちます。R1 も外してあります。偽造者は警察が最も本物だと思っている 1 点を見つけ、そこにすべてを置きます。偽造者の損失には、多様であれという項がないからです。警察は気づきますが、いつも手遅れです。",
  collapse_remedy:
    "生成画像どうしが実画像どうしよりずっと似ていると「mode collapse」を報告します。stability が「auto」なら、R1 と R2 を使っている場合はその重みを 2 倍にし、使っていない場合はデータ拡張を強めます。スコアのうち recall と coverage は、あなたの画像がどれだけ覆われているかを数えます。",
  vanishing_switch: "数式どおりの minimax 損失",
  vanishing_seen:
    "警察だけが先に 150 手学習し、どの判定にも自信を持っています。偽物の点はその場から動きません。点を引く矢印がないからです。",
  vanishing_why:
    "D がほぼ 0 のところでは log(1 − D) は平らです。偽造者に届くのは傾きの D 倍で、その D は千分の一にも満たない値です。−log D なら 1 − D 倍、つまり傾きのほとんどが届きます。ここではどちらも単純な勾配降下法を使っています。Adam はごく小さな勾配も拡大しますが、ノイズも同じように拡大します。",
  vanishing_remedy:
    "プリセットは non-saturating 損失か relativistic 損失（r3gan）を使います。傾きの 20 分の 1 も生成器に届かないと「vanishing gradient」を報告し、stability が「auto」なら識別器の学習率を半分にします。",
  loss_switch: "慎重な警察（R1 を 50 倍）",
  loss_seen:
    "100 回で生成器の損失は 0.70、さらに 1,000 回後でも 0.69 です。そのあいだに、1 つのかたまりは円環状に並ぶかたまりになり、2 つの山の距離は半分以下になりました。",
  loss_why:
    "損失が測るのは、その時点の警察に対する偽造者の出来であって、本物との近さではありません。両者が同じ速さで上達すると、損失は当て推量の値、つまり偽造者は ln 2、警察は 2 ln 2 にとどまります。崩壊した学習でも同じ損失になることがあります。",
  loss_remedy:
    "損失では選びません。チェックポイントを KID、precision、recall、coverage、コピーの割合で採点し、最も良いものを配信します。同じシードのサンプルを時間順に示し、スコアが伸びなくなると「plateau」を報告します。",
  readMore: "詳しくは docs/health.md",

  stage: "学習の様子",
  canvas: "本物の点と偽物の点がある平面。背景の色はその場所での識別器の判定",
  legendReal: "本物",
  legendForged: "偽物",
  legendField: "判定 D",
  play: "再生",
  pause: "一時停止",
  nextTurn: "次の 1 手",
  restart: "最初から",
  speed: "速さ",
  speed_turns: "1 手ずつ",
  speed_steps: "ふつう",
  speed_fast: "速い",
  seed: "シード",
  anotherSeed: "別のシード",
  arrows: "矢印",
  arrowsKey: "偽造者の損失が引く向き",
  rounds: "回数",
  clusters: "覆ったかたまり",
  clustersOf: (covered, all) => `${all} 個中 ${covered} 個`,
  distance: "2 つの山の距離",
  offset: "目標からのずれ",
  losses: "損失",
  verdicts: "判定の平均",
  ofDiscriminator: "警察",
  ofGenerator: "偽造者",
  gradient: "偽造者の勾配（長さの log₁₀）",
  minimaxLoss: "minimax",
  nonSaturatingLoss: "non-saturating",
  now: "現在",

  status_oscillation_bad: "点は目標を通り過ぎ続けています。",
  status_oscillation_good: "点は目標に落ち着いています。",
  status_collapse_bad: "モード崩壊：覆われているかたまりは 2 つ以下です。",
  status_collapse_good: "ほとんどのかたまりが覆われています。",
  status_vanishing_bad: "勾配が消え、偽造者は動けません。",
  status_vanishing_good: "勾配が届き、偽造者は動いています。",
  status_loss_bad: "損失は当て推量の値ですが、分布はまだ学習できていません。",
  status_loss_good: "損失は当て推量の値のままですが、分布は学習できています。",
  status_waiting: "まだ判断できません。",

  digits: [
    "GAN の入門といえば数字です。MNIST は 28×28 画素・白黒の手書き数字 60,000 枚からなります。2 つの記事のレシピを、Moggy のプリセットとして用意しました。1 つは Keras、もう 1 つは MindSpore で書かれたものです。どちらも偽造者と警察を全結合層だけで作ります。すべてがすべてとつながり、画素に隣があることをネットワークは知りません。",
    "画像でのゲームの進み方を見るには十分ですが、きれいな数字には足りません。ざらつきが残るのはそのためです。次の章のとおり、畳み込みを使うと、より少ない重みでより良い画像になります。",
    "MNIST の学習用画像は 2 つのファイルです。train-images-idx3-ubyte.gz が画像、train-labels-idx1-ubyte.gz がそれぞれの数字を示すラベルです。「学習」の画面で 2 つを一緒に選び、一辺の画素数を 28 にしてください。そのままの形式で読み込めます。全工程は新しい 2 コアで約 8 分と約 4 分、古いコアではその 2 倍ほどですが、数字はもっと早く見えてきます。",
  ],
  recipe_mlp: "Keras の記事",
  "recipe_mlp-relu": "MindSpore の記事",
  recipeText_mlp:
    "警察は本物からの更新と偽物からの更新を分けて行い、それぞれを 30,000 回繰り返します。",
  "recipeText_mlp-relu":
    "本物と偽物を 1 回の更新でまとめて学びます。潜在変数が長く、学習は MNIST の 10 エポック分です。",
  recipeBlank: "学習した数字がここに現れます。",
  recipeLatent: "潜在変数",
  recipeActivation: "活性化関数",
  recipeBatch: "バッチ",
  recipeImages: "画像数",
  recipeBeta: "Adam の β₁",
  recipeWeights: "重み（偽造者 + 警察）",
  recipeDataset: "データセット",
  recipeProgress: (seen, all) => `${all} 枚中 ${seen} 枚`,
  watchTraining: "学習の様子を見る",
  trainRecipe: "学習する",
  uploadFirst: "まず MNIST をアップロード",
  samplesAfter: (images) => `${images} 枚学習した時点`,
  imagesOf: (model) => `${model} のシード 0〜24`,
  loadingRecipes: "レシピを読み込み中",

  layers: [
    "DCGAN は畳み込みを使う GAN です。偽造者は 100 個の乱数から始め、カラー画像で終わります。層を進むごとに縦と横は 2 倍になり、マップの枚数は減ります。最初は粗い場所ごとに多くの情報があり、最後は 1 画素ずつになります。",
    "マップは、層のフィルター 1 つが場所ごとに出す答えです。ここは背景、ここから耳、ここは明るい、というように。以下は、あるシードの画像ができるまでに、このサービスが実際に計算したマップです。シードを変えて、どのマップが変わるかを見てください。",
  ],
  layersModel: "モデル",
  layersLabel: "潜在変数から画像までの層",
  chooseLayer: "層を選ぶと、マップが大きく表示されます。",
  articleDrawing:
    "記事の DCGAN です。NumPy で書かれ、3,000 枚の猫で学習します。モデルができると、マップがここに現れます。",
  previousSeed: "前のシード",
  nextSeed: "次のシード",
  anotherPicture: "別の画像",
  latentOf: (count) => `z：${count} 個の数`,
  picture: "画像",
  openPicture: (seed) => `シード ${seed} の画像を開く`,
  layerNamed: (index, shape) => `第 ${index} 層、${shape}`,
  layerTitle: (index) => `第 ${index} 層`,
  layerFacts: (shape, weights) => `${shape} · 重み ${weights} 個`,
  layerShape: "枚数 × 縦 × 横",
  layerWeights: "重み",
  mapsOf: (index, seed) => `シード ${seed} に対する第 ${index} 層の特徴マップ`,
  mapsShown: (shown, all) =>
    `${all} 枚中 ${shown} 枚。黒が 0 です。負の値がある層では、中間の灰色が 0 です。`,
  mapsLater: "モデルができると、マップがここに現れます。",
  operator_Gemm:
    "行列の積です。潜在変数の 1 つ 1 つの数が、最初のマップのすべての値への重みを持ちます。BatchNorm は重みに畳み込まれています。",
  operator_Dense: "全結合層です。どの値も、前の層のすべての値から計算されます。",
  operator_Conv: "畳み込みです。どの値も、前のマップの小さな窓から計算されます。",
  operator_ConvTranspose:
    "転置畳み込みです。前のマップの値がそれぞれ、縦横 2 倍のマップに小さな模様を描きます。模様が重なるところは足し合わされます。",
  activation_Relu:
    "続く ReLU が負の値を 0 にします。多くのマップのあちこちが黒いのはそのためです。",
  activation_LeakyRelu: "続く LeakyReLU が、負の値をわずかな割合に縮めます。",
  activation_Tanh: "続く Tanh が値を −1 から 1 に収めます。画像の色ごとの黒と白にあたります。",
};
