import type { Content } from "./content";

const UP = "AACAPwAAAAAAAAAAAAAAAA==";

/** A small conditional model for the tests. Its vectors are 1, 0, 0, 0. */
export const DIGITS: Content = {
  model: "digits",
  checkpoint: "5cf3",
  sha256: "ab",
  images_seen: 1,
  created_at: "",
  shape: [2, 2, 1],
  latent_dim: 4,
  classes: ["one", "two", "three"],
  preset: "mlp",
  architecture: "mlp",
  dataset: null,
  latents: [
    { name: "up", seed: null, vector: UP, class: "two", note: null },
    { name: "seventh", seed: 7, vector: null, class: null, note: null },
  ],
  directions: [
    { name: "up", vector: UP },
    { name: "b", vector: UP },
  ],
  left_out: { latents: 0, directions: 0 },
  licence: "",
  moggy: "0.1",
};
