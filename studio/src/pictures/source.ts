import type { Model } from "../api/client";

/** What generates pictures: a checkpoint of a model, and the truncation of its latents. */
export interface PictureSource {
  model: string;
  checkpoint: string;
  truncation: number;
  /** Height and width of its images. */
  shape: readonly [number, number];
}

/** The source of a model's checkpoint; null: the one that it serves. */
export function sourceOf(
  model: Model,
  checkpoint: string | null,
  truncation: number,
): PictureSource {
  const shape = model.config?.shape;
  if (!Array.isArray(shape)) throw new Error(`model ${model.name} has no shape`);
  return {
    model: model.name,
    checkpoint: checkpoint ?? model.checkpoint ?? "",
    truncation,
    shape: [Number(shape[0]), Number(shape[1])],
  };
}
