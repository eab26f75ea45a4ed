import type { Model } from "../api/client";

/** What generates pictures: a checkpoint of a model, and the truncation of its latents. */
export interface PictureSource {
  model: string;
  checkpoint: string;
  truncation: number;
  /** Height and width of its images. */
  shape: readonly [number, number];
  /** The class of its images; null: each seed draws its own, or the model has none. */
  className: string | null;
}

/** The source of a model's checkpoint; null: the one that it serves. A class that the model does not
 * have is left out. */
export function sourceOf(
  model: Model,
  checkpoint: string | null,
  truncation: number,
  className: string | null,
): PictureSource {
  const shape = model.config?.shape;
  if (!Array.isArray(shape)) throw new Error(`model ${model.name} has no shape`);
  return {
    model: model.name,
    checkpoint: checkpoint ?? model.checkpoint ?? "",
    truncation,
    shape: [Number(shape[0]), Number(shape[1])],
    className: className !== null && classesOf(model).includes(className) ? className : null,
  };
}

/** The classes that a conditional model can be asked for; other models have none. */
export function classesOf(model: Model): readonly string[] {
  const { conditional, classes } = model.config ?? {};
  return conditional === true && Array.isArray(classes) ? classes.map(String) : [];
}
