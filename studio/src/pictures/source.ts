/** What generates pictures: a checkpoint of a model, and the truncation of its latents. */
export interface PictureSource {
  model: string;
  checkpoint: string;
  truncation: number;
  /** Height and width of its images. */
  shape: readonly [number, number];
}
