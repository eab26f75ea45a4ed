import { expect, test, vi } from "vitest";
import { toySettings } from "./experiments";
import type { Failure } from "./names";
import { ToyRun } from "./run";

vi.setConfig({ testTimeout: 60_000 });
const SEED = 1;

function start(failure: Failure, isProvoked: boolean): ToyRun {
  return new ToyRun(toySettings(SEED, "ring", failure, isProvoked));
}

function runTo(run: ToyRun, steps: number): ToyRun {
  while (run.gan.steps < steps) run.turn();
  return run;
}

test("oscillation: the points circle the target instead of settling on it", () => {
  const offsets = (isProvoked: boolean) => {
    const run = runTo(start("oscillation", isProvoked), 300);
    const found: number[] = [];
    while (run.gan.steps < 800) {
      runTo(run, run.gan.steps + 20);
      found.push(run.quality().offset ?? 0);
    }
    return found.reduce((sum, offset) => sum + offset, 0) / found.length;
  };
  expect(offsets(false)).toBeLessThan(0.08);
  expect(offsets(true)).toBeGreaterThan(0.3);
});

test("mode collapse: at most two of eight clusters are covered, and without it nearly all", () => {
  const healthy = runTo(start("collapse", false), 700);
  expect(healthy.quality().covered).toBeGreaterThanOrEqual(6);
  const collapsed = start("collapse", true);
  for (const steps of [200, 300, 400, 500]) {
    expect(runTo(collapsed, steps).quality().covered).toBeLessThanOrEqual(2);
  }
});

test("vanishing gradient: below a hundredth of what the other loss would give, and no move", () => {
  const stuck = runTo(start("vanishing", true), 1);
  const before = stuck.quality().distance;
  const { minimax, nonSaturating } = stuck.gradientNorms();
  expect(minimax).toBeLessThan(nonSaturating / 100);
  expect(runTo(stuck, 300).quality().distance).toBeCloseTo(before, 2);
  const healthy = runTo(start("vanishing", false), 300);
  expect(healthy.quality().distance).toBeLessThan(0.1 * before);
});

test("loss that says nothing: it stays the same while the picture changes altogether", () => {
  const run = runTo(start("loss", true), 100);
  const before = run.quality();
  expect(before.covered).toBeLessThanOrEqual(2);
  const means: number[] = [];
  while (run.gan.steps < 1200) {
    let sum = 0;
    for (let step = 0; step < 100; step++) {
      runTo(run, run.gan.steps + 1);
      sum += run.gan.reading.generatorLoss;
    }
    means.push(sum / 100);
  }
  expect(Math.max(...means) - Math.min(...means)).toBeLessThan(0.04);
  expect(means.at(-1)).toBeCloseTo(Math.LN2, 1);
  const after = run.quality();
  expect(after.covered).toBeGreaterThanOrEqual(6);
  expect(after.distance).toBeLessThan(before.distance / 2);
});
