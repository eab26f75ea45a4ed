/** What the toy can learn. */
export const TARGETS = ["ring", "moons", "grid", "cloud"] as const;
export type TargetName = (typeof TARGETS)[number];

/** The classic failures of a training, which a switch provokes. */
export const FAILURES = ["oscillation", "collapse", "vanishing", "loss"] as const;
export type Failure = (typeof FAILURES)[number];

export const MAX_TOY_SEED = 2 ** 32 - 1;
