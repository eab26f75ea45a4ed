import { type GeneratorLoss, generatorLoss, generatorSlope, sigmoid, softplus } from "./losses";
import type { TargetName } from "./names";
import { Network } from "./network";
import { Adam, Descent, type Optimiser } from "./optimisers";
import { Random } from "./random";
import { drawReal } from "./target";

export interface ToySettings {
  target: TargetName;
  seed: number;
  loss: GeneratorLoss;
  generatorRate: number;
  discriminatorRate: number;
  beta1: number;
  /** Whether the generator moves by plain gradient descent, and not by Adam. */
  plainDescent: boolean;
  /** Updates of each network in its turn. */
  generatorSteps: number;
  discriminatorSteps: number;
  /** The weight of R1, the penalty on the discriminator's slope at real points. */
  r1: number;
  /** Turns of the discriminator before the generator's first. */
  headStart: number;
  /** The middle and the width of the generator's points at the start. */
  start: readonly [number, number];
  width: number;
}

export type Player = "discriminator" | "generator";

/** The means over the batches of the latest turns. */
export interface Reading {
  /** E[log D(x)], E[log(1 − D(G(z)))] and E[log D(G(z))]. */
  logReal: number;
  logNotFake: number;
  logFake: number;
  /** E[D(x)] and E[D(G(z))]. */
  real: number;
  fake: number;
  discriminatorLoss: number;
  generatorLoss: number;
}

export const BATCH = 64;
export const LATENT = 2;
const HIDDEN = 24;

/** A GAN of points in a plane. The same settings give the same run. */
export class ToyGan {
  readonly generator: Network;
  readonly discriminator: Network;
  readonly reading: Reading;
  /** Whose turn is next. */
  next: Player = "discriminator";
  /** The turns of the generator until now. */
  steps = 0;
  readonly #random: Random;
  readonly #forGenerator: Optimiser;
  readonly #forDiscriminator: Optimiser;
  #headStart: number;

  constructor(readonly settings: ToySettings) {
    this.#random = new Random(settings.seed);
    this.generator = new Network([LATENT, HIDDEN, HIDDEN, 2], this.#random, settings.width);
    this.generator.parameters.set(settings.start, this.generator.parameters.length - 2); // biases
    this.discriminator = new Network([2, HIDDEN, HIDDEN, 1], this.#random);
    const { generatorRate, discriminatorRate, beta1 } = settings;
    const [ofGenerator, ofDiscriminator] = [this.generator, this.discriminator].map(
      (network) => network.parameters.length,
    ) as [number, number];
    this.#forGenerator = settings.plainDescent
      ? new Descent(generatorRate)
      : new Adam(ofGenerator, generatorRate, beta1);
    this.#forDiscriminator = new Adam(ofDiscriminator, discriminatorRate, beta1);
    this.#headStart = settings.headStart;
    this.reading = { ...UNREAD };
  }

  /** The turn of the player who is next. */
  turn(): Player {
    const player = this.next;
    if (player === "discriminator") {
      for (let step = 0; step < this.settings.discriminatorSteps; step++)
        this.#teachDiscriminator();
      if (this.#headStart > 0) this.#headStart -= 1;
      else this.next = "generator";
    } else {
      for (let step = 0; step < this.settings.generatorSteps; step++) this.#teachGenerator();
      this.steps += 1;
      this.next = "discriminator";
    }
    return player;
  }

  /** Both turns. */
  step(): void {
    while (this.turn() !== "generator");
  }

  /** The points (count, 2) of a batch of latents, in an array of their own. */
  generate(latents: Float64Array): Float64Array {
    const count = latents.length / LATENT;
    return this.generator.forward(latents, count).slice(0, count * 2);
  }

  /** D for each of the points (count, 2). */
  judge(points: Float64Array): Float64Array {
    const count = points.length / 2;
    return this.discriminator.forward(points, count).slice(0, count).map(sigmoid);
  }

  /** Where the discriminator sends each point (count, 2): the direction in which its logit grows. */
  slopes(points: Float64Array): Float64Array {
    const count = points.length / 2;
    this.discriminator.forward(points, count);
    const ones = new Float64Array(count).fill(1);
    return this.discriminator.backward(ones, count, false).slice(0, count * 2);
  }

  /** The length of the gradient that the generator would get with a loss, for these latents. */
  gradientNorm(loss: GeneratorLoss, latents: Float64Array): number {
    this.#pullGenerator(latents, loss);
    const norm = Math.hypot(...this.generator.gradients);
    this.generator.gradients.fill(0);
    return norm;
  }

  #teachDiscriminator(): void {
    const { discriminator, settings, reading } = this;
    const real = drawReal(settings.target, BATCH, this.#random);
    const fake = this.generator.forward(this.#random.normals(BATCH * LATENT), BATCH);
    const slopes = new Float64Array(BATCH);

    const realLogits = discriminator.forward(real, BATCH);
    for (let row = 0; row < BATCH; row++) {
      slopes[row] = (sigmoid(realLogits[row] as number) - 1) / BATCH;
    }
    reading.logReal = -mean(realLogits, (logit) => softplus(-logit));
    reading.real = mean(realLogits, sigmoid);
    discriminator.backward(slopes, BATCH);

    const fakeLogits = discriminator.forward(fake, BATCH);
    for (let row = 0; row < BATCH; row++) {
      slopes[row] = sigmoid(fakeLogits[row] as number) / BATCH;
    }
    this.#readFakes(fakeLogits);
    reading.discriminatorLoss = -reading.logReal - reading.logNotFake;
    discriminator.backward(slopes, BATCH);

    if (settings.r1 > 0) discriminator.penaliseSlope(real, BATCH, settings.r1);
    this.#forDiscriminator.step(discriminator.parameters, discriminator.gradients);
  }

  #teachGenerator(): void {
    const { loss } = this.settings;
    this.#readFakes(this.#pullGenerator(this.#random.normals(BATCH * LATENT), loss));
    const { logFake, logNotFake } = this.reading;
    this.reading.generatorLoss = generatorLoss(loss, logFake, logNotFake);
    this.#forGenerator.step(this.generator.parameters, this.generator.gradients);
  }

  /** Adds the generator's gradients for these latents; returns the logits of its points. */
  #pullGenerator(latents: Float64Array, loss: GeneratorLoss): Float64Array {
    const count = latents.length / LATENT;
    const fake = this.generator.forward(latents, count);
    const logits = this.discriminator.forward(fake, count);
    const slopes = new Float64Array(count);
    for (let row = 0; row < count; row++) {
      slopes[row] = generatorSlope(loss, logits[row] as number, count);
    }
    this.generator.backward(this.discriminator.backward(slopes, count, false), count);
    return logits;
  }

  #readFakes(logits: Float64Array): void {
    this.reading.fake = mean(logits, sigmoid);
    this.reading.logFake = -mean(logits, (logit) => softplus(-logit));
    this.reading.logNotFake = -mean(logits, softplus);
  }
}

const UNREAD: Reading = {
  logReal: Number.NaN,
  logNotFake: Number.NaN,
  logFake: Number.NaN,
  real: Number.NaN,
  fake: Number.NaN,
  discriminatorLoss: Number.NaN,
  generatorLoss: Number.NaN,
};

function mean(logits: Float64Array, of: (logit: number) => number): number {
  let sum = 0;
  for (let row = 0; row < BATCH; row++) sum += of(logits[row] as number);
  return sum / BATCH;
}
