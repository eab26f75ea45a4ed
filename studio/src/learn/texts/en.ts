import type { Translation } from "../../i18n/en";

/** The English texts of the screen Learn. A text with a value is a function of it. */
export const en = {
  title: "How a GAN learns",
  lead: "Two networks play against each other until one of them can make pictures. The game on this page is played while you read: the small one in your browser, the large ones in this service.",
  contents: "Contents",
  part_story: "Forger and police",
  part_formula: "The formula",
  part_toy: "Your own game",
  part_oscillation: "Oscillation",
  part_collapse: "Mode collapse",
  part_vanishing: "Vanishing gradient",
  part_loss: "A loss that says nothing",
  part_digits: "Handwritten digits",
  part_layers: "Inside a DCGAN",

  story: [
    "A forger makes banknotes. The police are shown notes, some real and some forged, and say of each how likely it is to be real. At the start neither side knows anything.",
    "The forger never sees a real note. It only hears the verdicts on its own notes, and changes a little so that the next ones are better. The police change a little so that their verdicts are right. What one side learns is the next lesson of the other.",
    "The forger is the generator G: it turns random numbers z into a picture. The police are the discriminator D, which turns a picture into a number between 0, forged, and 1, real.",
    "Here a picture is only a point in the plane, so that all of them can be seen at once. Teal points are real, ginger ones are forged. The ground shows the verdict at each place: teal where the police say “real”, ginger where they say “forged”.",
  ],
  storyDiagram:
    "The forger turns noise into forged notes. The police see them beside real ones. Their verdict goes back to the forger.",
  noise: "noise z",
  forger: "Forger G",
  police: "Police D",
  realPile: "real",
  forgedPile: "forged",
  verdict: "verdict",
  saysReal: "D on real",
  saysForged: "D on forged",
  turnOfNobody: "The game begins with the turn of the police.",
  turnOfDiscriminator: "Turn of the police: they learn from both piles. Real up, forged down.",
  turnOfGenerator:
    "Turn of the forger: it learns from the verdict, and moves its points to where the police say “real”.",
  turnsAlternate: (steps: string) => `They take turns: ${steps} rounds until now.`,
  watchTurns: "Watch turn by turn",

  formula: [
    "Both play for one number, V. The police make it as large as they can, the forger as small as it can:",
    "The first term grows when the police call real points real, the second when they call forged points forged. Only the second depends on the forger. What the player whose turn it is can change is lit, and below each term is its value in the run that you see.",
    "A perfect forger leaves the police nothing but guessing: D is ½ everywhere, and V is −2 ln 2 ≈ −1.386. That is the only balance of the game.",
    "In practice the forger does not make log(1 − D(G(z))) small but log D(G(z)) large. The aim is the same, but the forger then also learns while all of its forgeries are found out. Most presets of Moggy use this form, which is called non-saturating.",
  ],
  formulaLabel:
    "The minimum over G of the maximum over D of: the mean of log D of x, plus the mean of log of 1 minus D of G of z",
  value: "V now",
  balance: "in balance",

  toy: [
    "Choose what is real. One cloud is found within seconds; eight clusters on a ring need a few hundred rounds, because the forger has to spread over all of them while the police watch where it is dense.",
    "The same seed gives the same game, step by step. Another seed begins with other networks.",
  ],
  target: "What is real",
  target_ring: "Ring",
  target_moons: "Moons",
  target_grid: "Grid",
  target_cloud: "Cloud",

  failures: "Four ways to fail",
  failuresLead:
    "GANs are known to be hard to train. Each switch provokes one of the four classic failures, from the same beginning: switch it on, watch, and switch it off again.",
  seen: "What you see",
  why: "Why",
  remedy: "What Moggy does",

  oscillation_switch: "Steps that are too large",
  oscillation_seen:
    "The points run past the cloud, turn round and run past it again. The line shows where their middle has been. The losses swing and never settle.",
  oscillation_why:
    "Each player answers the last move of the other. With steps ten times as large, and momentum that carries on in the old direction (β₁ = 0.9), both arrive where the other has just left. R1, the penalty on a discriminator that is too steep, is off too.",
  oscillation_remedy:
    "Its presets use small steps and, for the DCGAN, β₁ = 0.5. While it trains it reports “oscillation” when the discriminator’s loss is far above that of guessing; with stability “auto” it then halves the discriminator’s learning rate. What is served is an average of the weights (EMA), which swings less than the weights themselves.",
  collapse_switch: "Five turns for the forger",
  collapse_seen:
    "All points gather in one place. When the police have learnt that place, the points move on to another, together. Of the eight clusters one is covered, or none.",
  collapse_why:
    "The forger has five turns for each turn of the police, with steps twice as long, and R1 is off. It finds the one place that the police believe in most and puts everything there: nothing in its loss asks for variety. The police have to notice, and come too late each time.",
  collapse_remedy:
    "It reports “mode collapse” when generated pictures are far more alike than real ones. With stability “auto” it doubles the penalties R1 and R2 where they are used, and augments the pictures more where they are not. Recall and coverage, two of its scores, count how much of your pictures is covered.",
  vanishing_switch: "Minimax loss, as in the formula",
  vanishing_seen:
    "The police have trained alone for 150 turns and are sure of every verdict. The forged points stay where they are: no arrow pulls at them.",
  vanishing_why:
    "Where D is almost 0, log(1 − D) is flat: the forger gets D times the slope, and D is less than a thousandth. With −log D it gets 1 − D times the slope, which is nearly all of it. Both runs use plain gradient descent here; Adam would enlarge even a tiny gradient, and its noise with it.",
  vanishing_remedy:
    "Its presets use the non-saturating loss, or a relativistic one (r3gan). It reports “vanishing gradient” when less than a twentieth of the slope reaches the generator; with stability “auto” it then halves the discriminator’s learning rate.",
  loss_switch: "Cautious police (R1 × 50)",
  loss_seen:
    "After a hundred rounds the generator’s loss is 0.70, and a thousand rounds later it is 0.69. Meanwhile one lump has become a ring of clusters, and the distance between the piles has fallen to less than a half.",
  loss_why:
    "The loss measures the forger against these police at this moment, and not against what is real. When both improve at the same pace it stays where guessing is: ln 2 for the forger, 2 ln 2 for the police. A collapsed run can have the same loss.",
  loss_remedy:
    "It never chooses by the loss. It scores checkpoints against pictures: KID, precision, recall, coverage, copies. It serves the best one, shows sample grids of the same seeds over time, and reports “plateau” when the scores stop improving.",
  readMore: "More in docs/health.md",

  stage: "The run",
  canvas:
    "The plane with real and forged points, coloured by the verdict of the discriminator at each place",
  legendReal: "real",
  legendForged: "forged",
  legendField: "verdict D",
  play: "Play",
  pause: "Pause",
  nextTurn: "Next turn",
  restart: "From the start",
  speed: "Speed",
  speed_turns: "Turns",
  speed_steps: "Steady",
  speed_fast: "Fast",
  seed: "Seed",
  anotherSeed: "Another seed",
  arrows: "Arrows",
  arrowsKey: "pull of the forger’s loss",
  rounds: "Rounds",
  clusters: "Clusters covered",
  clustersOf: (covered: string, all: string) => `${covered} of ${all}`,
  distance: "Distance of the piles",
  offset: "Away from the target",
  losses: "Losses",
  verdicts: "Mean verdict",
  ofDiscriminator: "police",
  ofGenerator: "forger",
  gradient: "Gradient of the forger, log₁₀ of its length",
  minimaxLoss: "minimax",
  nonSaturatingLoss: "non-saturating",
  now: "now",

  status_oscillation_bad: "The points keep running past the target.",
  status_oscillation_good: "The points settle on the target.",
  status_collapse_bad: "Mode collapse: at most two clusters are covered.",
  status_collapse_good: "Most clusters are covered.",
  status_vanishing_bad: "The gradient has vanished: the forger does not move.",
  status_vanishing_good: "The gradient arrives: the forger moves.",
  status_loss_bad: "The loss is that of guessing, and the picture has still to be learnt.",
  status_loss_good: "The loss is still that of guessing, and the picture is learnt.",
  status_waiting: "Too early to say.",

  digits: [
    "Most people’s first GAN draws digits: MNIST, 60,000 handwritten digits of 28×28 grey pixels. The recipes of two articles are presets of Moggy, one written with Keras, one with MindSpore. Both build the forger and the police of dense layers alone: everything is connected with everything, and neither network knows that pixels have neighbours.",
    "That is enough to see the game played with pictures, and too little for clean digits: hence the speckles. A network of convolutions does better with fewer weights, as the next part shows.",
    "MNIST’s pictures for training are two files: train-images-idx3-ubyte.gz, the pictures, and train-labels-idx1-ubyte.gz, which says of each which digit it is. Choose both together on the screen Train, with a side of 28 pixels; they are read as they are. The whole recipes take about 8 and 4 minutes on two recent cores, twice as long on old ones, and digits can be made out much sooner.",
  ],
  recipe_mlp: "The Keras article",
  "recipe_mlp-relu": "The MindSpore article",
  recipeText_mlp:
    "The police learn from real and from forged pictures in two updates, each of them 30,000 times.",
  "recipeText_mlp-relu":
    "Real and forged pictures share an update. The latent is longer, and the training ten epochs of MNIST.",
  recipeBlank: "Its digits appear here.",
  recipeLatent: "Latent",
  recipeActivation: "Activation",
  recipeBatch: "Batch",
  recipeImages: "Images",
  recipeBeta: "Adam’s β₁",
  recipeWeights: "Weights, forger + police",
  recipeDataset: "Dataset",
  recipeProgress: (seen: string, all: string) => `${seen} of ${all} images`,
  watchTraining: "Watch the training",
  trainRecipe: "Train",
  uploadFirst: "Upload MNIST first",
  samplesAfter: (images: string) => `After ${images} images`,
  imagesOf: (model: string) => `Seeds 0 to 24 of ${model}`,
  loadingRecipes: "Loading the recipes",

  layers: [
    "A DCGAN is a GAN of convolutions. Its forger begins with 100 random numbers and ends with a picture in colour. From layer to layer height and width double while the maps become fewer: first a few coarse places with a lot to say about each, at the end single pixels.",
    "A map is what one filter of a layer answers at each place: here is background, here an ear begins, here it is bright. These are the maps that the service computes on the way to the picture of a seed. Take another seed, and see which of them change.",
  ],
  layersModel: "Model",
  layersLabel: "The layers, from the latent to the picture",
  chooseLayer: "Choose a layer to see its maps enlarged.",
  articleDrawing:
    "The DCGAN of the article, written in NumPy for 3,000 cats. Its maps appear here with the first model.",
  previousSeed: "Previous seed",
  nextSeed: "Next seed",
  anotherPicture: "Another picture",
  latentOf: (count: string) => `z: ${count} numbers`,
  picture: "picture",
  openPicture: (seed: string) => `Open the picture of seed ${seed}`,
  layerNamed: (index: string, shape: string) => `Layer ${index}, ${shape}`,
  layerTitle: (index: string) => `Layer ${index}`,
  layerFacts: (shape: string, weights: string) => `${shape} · ${weights} weights`,
  layerShape: "Maps × height × width",
  layerWeights: "Weights",
  mapsOf: (index: string, seed: string) => `Feature maps of layer ${index} for seed ${seed}`,
  mapsShown: (shown: string, all: string) =>
    `${shown} of ${all} maps. Black is 0; in a layer with negative values, the middle grey is.`,
  mapsLater: "With the first model its maps appear here.",
  operator_Gemm:
    "A matrix product: each number of the latent has a weight for each value of the first maps. BatchNorm is folded into the weights.",
  operator_Dense: "A dense layer: each value is computed from all values before it.",
  operator_Conv: "A convolution: each value is computed from a small window of the maps before it.",
  operator_ConvTranspose:
    "A transposed convolution: each value of the maps before paints a small pattern into maps that are twice as high and wide. Where patterns overlap, they add up.",
  activation_Relu: "ReLU then sets to 0 what is negative: so many maps are black in many places.",
  activation_LeakyRelu: "LeakyReLU then reduces what is negative to a fraction of it.",
  activation_Tanh:
    "Tanh then brings the values between −1 and 1: black and white, for each colour of the picture.",
};

export type LearnTexts = Translation<typeof en>;
