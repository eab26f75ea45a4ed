import { expect, test } from "vitest";
import { Network } from "./network";
import { Random } from "./random";

const COUNT = 5;
const STEP = 1e-6;

/** The gradient of `loss` by each parameter, by central differences. */
function byDifferences(network: Network, loss: () => number): number[] {
  return Array.from(network.parameters, (kept, at) => {
    network.parameters[at] = kept + STEP;
    const above = loss();
    network.parameters[at] = kept - STEP;
    const below = loss();
    network.parameters[at] = kept;
    return (above - below) / (2 * STEP);
  });
}

function expectClose(found: ArrayLike<number>, expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 5);
}

test("backward gives the gradients that finite differences give", () => {
  const random = new Random(7);
  const network = new Network([2, 6, 5, 3], random);
  const inputs = random.normals(COUNT * 2);
  const weights = random.normals(COUNT * 3); // the loss is a weighted sum of the outputs
  const loss = () =>
    network.forward(inputs, COUNT).reduce((sum, value, at) => sum + value * (weights[at] ?? 0), 0);
  const expected = byDifferences(network, loss);
  const ofInputs = Array.from(inputs, (kept, at) => {
    inputs[at] = kept + STEP;
    const above = loss();
    inputs[at] = kept - STEP;
    const below = loss();
    inputs[at] = kept;
    return (above - below) / (2 * STEP);
  });
  loss();
  expectClose(network.backward(weights, COUNT).slice(), ofInputs);
  expectClose(network.gradients, expected);
});

test("without learning the gradients of the parameters stay", () => {
  const random = new Random(3);
  const network = new Network([2, 4, 1], random);
  network.forward(random.normals(COUNT * 2), COUNT);
  network.backward(new Float64Array(COUNT).fill(1), COUNT, false);
  expect(network.gradients.every((gradient) => gradient === 0)).toBe(true);
});

test("the penalty on the slope has the gradients that finite differences give", () => {
  const random = new Random(11);
  const network = new Network([2, 6, 5, 1], random);
  const inputs = random.normals(COUNT * 2);
  const ones = new Float64Array(COUNT).fill(1);
  const penalty = () => {
    network.forward(inputs, COUNT);
    const slopes = network.backward(ones, COUNT, false);
    let squares = 0;
    for (let at = 0; at < COUNT * 2; at++) squares += (slopes[at] as number) ** 2;
    return (0.7 / 2) * (squares / COUNT);
  };
  const expected = byDifferences(network, penalty);
  network.penaliseSlope(inputs, COUNT, 0.7);
  expectClose(network.gradients, expected);
});
