import type { ToySettings } from "./gan";
import type { Failure, TargetName } from "./names";

/** A run that learns every target, as Moggy's presets do: both networks in balance, with R1. */
const HEALTHY: Omit<ToySettings, "seed"> = {
  target: "ring",
  loss: "non_saturating",
  generatorRate: 0.002,
  discriminatorRate: 0.004,
  beta1: 0.5,
  plainDescent: false,
  generatorSteps: 1,
  discriminatorSteps: 1,
  r1: 0.1,
  headStart: 0,
  start: [0, 0],
  width: 0.5,
};

type Change = Partial<ToySettings>;

/** What each failure is shown on, and what its switch changes. */
const EXPERIMENTS: Record<Failure, { ground: Change; fault: Change }> = {
  oscillation: {
    ground: { target: "cloud", r1: 1, generatorRate: 0.001, start: [-0.6, -0.5], width: 0.2 },
    fault: { r1: 0, beta1: 0.9, generatorRate: 0.01, discriminatorRate: 0.04 },
  },
  collapse: {
    ground: { target: "ring" },
    fault: { r1: 0, generatorSteps: 5, generatorRate: 0.004 },
  },
  // Plain descent in both runs: Adam would enlarge even a vanishing gradient to its usual step.
  vanishing: {
    ground: {
      target: "cloud",
      r1: 0,
      plainDescent: true,
      generatorRate: 0.005,
      discriminatorRate: 0.01,
      discriminatorSteps: 2,
      headStart: 150,
      start: [-0.8, -0.7],
      width: 0.15,
    },
    fault: { loss: "minimax" },
  },
  loss: {
    ground: { target: "ring" },
    fault: { r1: 5 },
  },
};

/** The settings of a run: of the free toy, or of a failure with its switch on or off. */
export function toySettings(
  seed: number,
  target: TargetName,
  failure: Failure | null,
  isProvoked: boolean,
): ToySettings {
  if (failure === null) return { ...HEALTHY, target, seed };
  const { ground, fault } = EXPERIMENTS[failure];
  return { ...HEALTHY, ...ground, ...(isProvoked ? fault : {}), seed };
}
