import { expect, test } from "vitest";
import { toySettings } from "./experiments";
import { ToyGan } from "./gan";
import { generatorLoss, generatorSlope, sigmoid, softplus } from "./losses";

const settings = toySettings(1, "ring", null, false);

function afterSteps(seed: number): number[] {
  const gan = new ToyGan({ ...settings, seed });
  for (let step = 0; step < 20; step++) gan.step();
  return Array.from(gan.generator.parameters);
}

test("a seed determines the run", () => {
  expect(afterSteps(5)).toEqual(afterSteps(5));
  expect(afterSteps(5)).not.toEqual(afterSteps(6));
});

test("the networks take turns, the discriminator first, after its head start", () => {
  const gan = new ToyGan({ ...settings, headStart: 2 });
  const turns = Array.from({ length: 6 }, () => gan.turn()[0]).join("");
  expect(turns).toBe("dddgdg");
  expect(gan.steps).toBe(2);
});

test("a turn changes only the network whose turn it is", () => {
  const gan = new ToyGan(settings);
  const [generator, discriminator] = [gan.generator, gan.discriminator].map((network) =>
    Array.from(network.parameters),
  );
  gan.turn();
  expect(Array.from(gan.generator.parameters)).toEqual(generator);
  expect(Array.from(gan.discriminator.parameters)).not.toEqual(discriminator);
});

test("the slopes of the generator's losses are those of finite differences", () => {
  const step = 1e-6;
  for (const loss of ["minimax", "non_saturating"] as const) {
    for (const logit of [-4, -0.3, 2]) {
      const at = (value: number) => generatorLoss(loss, -softplus(-value), -softplus(value));
      const slope = (at(logit + step) - at(logit - step)) / (2 * step);
      expect(generatorSlope(loss, logit, 1)).toBeCloseTo(slope, 6);
    }
  }
});

test("logarithms of probabilities do not overflow", () => {
  expect(softplus(1000)).toBe(1000);
  expect(softplus(-1000)).toBe(0);
  expect(softplus(0.4)).toBeCloseTo(-Math.log(sigmoid(-0.4)), 12);
});
