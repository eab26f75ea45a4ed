import { baseOf, editsOf, isRef, isSeed, type LatentRef } from "../pictures/latent";
import { type Content, vectorOf } from "./content";
import type { Sample } from "./generator";
import { type Latent, move, truncate } from "./latents";
import { classFromSeed, latentFromSeed } from "./seeds";

/** What all pictures are generated with. `className`: null where each seed draws its own. */
export interface Options {
  className: string | null;
  truncation: number;
}

interface Point {
  /** Null of a saved vector. */
  seed: number | null;
  latent: Latent;
  className: string | null;
}

/** The model in the page: what a seed, a name and an edit stand for. */
export class Model {
  private readonly named: ReadonlyMap<string, Point>;
  private readonly directions: ReadonlyMap<string, Latent>;

  constructor(readonly content: Content) {
    this.named = new Map(
      content.latents.map(({ name, seed, vector, class: className }) => {
        const latent = vector === null ? this.drawn(seed ?? 0) : vectorOf(vector);
        return [name, { seed, latent, className }];
      }),
    );
    this.directions = new Map(
      content.directions.map(({ name, vector }) => [name, vectorOf(vector)]),
    );
  }

  /** Whether it is a latent of this model. */
  has(ref: string): boolean {
    return (
      isRef(ref) &&
      (isSeed(baseOf(ref)) || this.named.has(baseOf(ref))) &&
      Object.keys(editsOf(ref)).every((name) => this.directions.has(name))
    );
  }

  /** The latent with its edits, which are added in the order of their names. */
  latentOf(ref: LatentRef): Latent {
    const { latent } = this.pointOf(ref);
    const edits = Object.entries(editsOf(ref)).sort(([one], [other]) => (one < other ? -1 : 1));
    if (edits.length === 0) return latent;
    const offset = new Array<number>(latent.length).fill(0);
    for (const [name, amount] of edits) {
      const direction = this.directions.get(name);
      if (direction === undefined) throw new Error(`the page has no direction ${name}`);
      for (const [index, value] of direction.entries()) {
        offset[index] = (offset[index] ?? 0) + amount * value;
      }
    }
    return move(latent, offset);
  }

  /** The index of the class: the chosen one, else the one saved with the name, else the one that
   * the seed draws. */
  labelOf(ref: LatentRef, chosen: string | null): number | null {
    const { classes } = this.content;
    if (classes.length === 0) return null;
    const { seed, className } = this.pointOf(ref);
    const name = chosen ?? className;
    return name === null ? classFromSeed(seed ?? 0, classes.length) : classes.indexOf(name);
  }

  sampleOf(ref: LatentRef, { className, truncation }: Options): Sample {
    const latent = truncate(this.latentOf(ref), truncation);
    return { latent, label: this.labelOf(ref, className) };
  }

  private pointOf(ref: LatentRef): Point {
    const base = baseOf(ref);
    if (isSeed(base)) {
      const seed = Number(base);
      return { seed, latent: this.drawn(seed), className: null };
    }
    const named = this.named.get(base);
    if (named === undefined) throw new Error(`the page has no latent ${base}`);
    return named;
  }

  private drawn(seed: number): Latent {
    return latentFromSeed(seed, this.content.latent_dim);
  }
}
