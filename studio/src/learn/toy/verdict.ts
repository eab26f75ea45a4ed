import type { Failure } from "./names";
import type { ToyRun } from "./run";

export type Verdict = "good" | "bad" | "waiting";

const FIRST_STEPS = 60; // in which every run looks alike
const APPROACH_STEPS = 300; // in which a healthy run comes near its target
const SETTLED = 0.12; // from the middle of the points to the target's
const FEW_CLUSTERS = 2;
const MOST_CLUSTERS = 5;
const VANISHED = 0.01; // of the gradient that the other loss would give
const LEARNT = 0.12; // the distance of the piles

/** Whether a failure is to be seen in the run at this moment. */
export function verdictOf(failure: Failure, run: ToyRun): Verdict {
  const { distance, covered } = run.quality();
  if (failure === "vanishing") {
    if (run.gan.steps === 0) return "waiting";
    const { minimax, nonSaturating } = run.gradientNorms();
    return run.settings.loss === "minimax" && minimax < VANISHED * nonSaturating ? "bad" : "good";
  }
  if (run.gan.steps < FIRST_STEPS) return "waiting";
  if (failure === "oscillation") {
    if (run.gan.steps < APPROACH_STEPS) return "waiting";
    const middle = run.trail.length / 2;
    const farthest = Math.max(...run.trail.slice(middle).map((place) => run.offsetOf(place)));
    return farthest > SETTLED ? "bad" : "good";
  }
  if (failure === "collapse") {
    if (covered > MOST_CLUSTERS) return "good";
    return covered <= FEW_CLUSTERS ? "bad" : "waiting";
  }
  return distance < LEARNT ? "good" : "bad";
}
