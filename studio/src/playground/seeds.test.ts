import { expect, test } from "vitest";
import { classFromSeed, latentFromSeed, philox } from "./seeds";
import vectors from "./vectors.json";

test("Philox gives the known answers of its authors' library", () => {
  const most = 2 ** 32 - 1;
  expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  expect(philox([most, most, most, most], [most, most])).toEqual([
    0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd,
  ]);
  expect(
    philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
  ).toEqual([0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
});

test("a seed has the latent that it has in the service", () => {
  for (const { seed, latent } of vectors.latents) {
    expect(latentFromSeed(seed, latent.length)).toEqual(Float32Array.from(latent));
  }
  expect(latentFromSeed(7, 3)).toEqual(latentFromSeed(7, 8).slice(0, 3));
});

test("a seed draws the class that it draws in the service", () => {
  const { of, seeds, drawn } = vectors.classes;
  expect(seeds.map((seed) => classFromSeed(seed, of))).toEqual(drawn);
});
