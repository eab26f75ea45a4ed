import { LATENT, type Player, ToyGan, type ToySettings } from "./gan";
import { centreOf, coveredModes, pileDistance } from "./quality";
import { Random } from "./random";
import { Series } from "./series";
import { drawReal, targetOf } from "./target";

const SHOWN_POINTS = 256;
const TRAIL_POINTS = 240;
const TRAIL_LATENTS = 48; // enough for the middle of the points at each step
const QUALITY_EVERY = 10; // steps

export interface Quality {
  /** Clusters that have generated points, and all; null where the target has no clusters. */
  covered: number;
  clusters: number;
  /** The mean distance from a point to the nearest of the other pile. */
  distance: number;
  /** From the middle of the generated points to that of the target's only cluster. */
  offset: number | null;
}

/** A run of the toy with what is shown of it: points, curves and the latest turn. */
export class ToyRun {
  readonly gan: ToyGan;
  readonly real: Float64Array;
  /** The middles of the generated points, the latest last. */
  readonly trail: [number, number][] = [];
  readonly curves = {
    discriminatorLoss: new Series(),
    generatorLoss: new Series(),
    real: new Series(),
    fake: new Series(),
    distance: new Series(),
    minimax: new Series(),
    nonSaturating: new Series(),
  };
  /** Who had the latest turn. */
  player: Player | null = null;
  turns = 0;
  readonly #latents: Float64Array;
  readonly #fewLatents: Float64Array;
  #quality: { turns: number; value: Quality } | null = null;

  constructor(readonly settings: ToySettings) {
    this.gan = new ToyGan(settings);
    const random = new Random(settings.seed ^ 0x5eed);
    this.#latents = random.normals(SHOWN_POINTS * LATENT);
    this.#fewLatents = this.#latents.subarray(0, TRAIL_LATENTS * LATENT);
    this.real = drawReal(settings.target, SHOWN_POINTS, random);
  }

  /** The turn of the player who is next. */
  turn(): void {
    this.player = this.gan.turn();
    this.turns += 1;
    if (this.player === "generator") this.#record();
  }

  /** The generated points of the same latents each time, so that one can follow them. */
  points(): Float64Array {
    return this.gan.generate(this.#latents);
  }

  quality(): Quality {
    if (this.#quality?.turns !== this.turns) {
      this.#quality = { turns: this.turns, value: this.#measure() };
    }
    return this.#quality.value;
  }

  /** The lengths of the gradients that the generator would get with each of its losses. */
  gradientNorms(): { minimax: number; nonSaturating: number } {
    return {
      minimax: this.gan.gradientNorm("minimax", this.#fewLatents),
      nonSaturating: this.gan.gradientNorm("non_saturating", this.#fewLatents),
    };
  }

  /** The distance from a place to the middle of the target's first cluster. */
  offsetOf([x, y]: readonly [number, number]): number {
    const [toX, toY] = targetOf(this.settings.target).centres[0] ?? [0, 0];
    return Math.hypot(x - toX, y - toY);
  }

  #record(): void {
    const { reading, steps } = this.gan;
    const { curves } = this;
    curves.discriminatorLoss.add(reading.discriminatorLoss);
    curves.generatorLoss.add(reading.generatorLoss);
    curves.real.add(reading.real);
    curves.fake.add(reading.fake);
    this.trail.push(centreOf(this.gan.generate(this.#fewLatents)));
    if (this.trail.length > TRAIL_POINTS) this.trail.shift();
    if (steps % QUALITY_EVERY !== 1) return;
    const norms = this.gradientNorms();
    curves.minimax.add(Math.log10(norms.minimax));
    curves.nonSaturating.add(Math.log10(norms.nonSaturating));
    curves.distance.add(this.quality().distance);
  }

  #measure(): Quality {
    const { target } = this.settings;
    const points = this.points();
    const [covered, clusters] = coveredModes(points, target);
    return {
      covered,
      clusters,
      distance: pileDistance(points, this.real),
      offset: clusters === 1 ? this.offsetOf(centreOf(points)) : null,
    };
  }
}
