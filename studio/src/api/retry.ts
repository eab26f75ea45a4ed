import type { Checkpoint, Job, JobRequest } from "./client";

/** The configuration's fields that the service derives from the preset and the dataset. */
const DERIVED = ["preset", "architecture", "shape", "classes"];
/** The fields that requests name outside of `overrides`. */
const OWN = ["images", "batch_size", "seed"];
/** The fields that networks of an architecture refuse, because they do not have them. */
const UNUSED: Record<string, readonly string[]> = {
  mlp: ["max_width", "skip_outputs"],
  r3gan: [
    "skip_outputs",
    "generator_activation",
    "generator_normalisation",
    "discriminator_normalisation",
    "batchnorm_momentum",
  ],
};

const RETRIED = ["train", "evaluate", "synthesize", "directions"] as const;

export function isRetried(kind: Job["kind"]): boolean {
  return RETRIED.some((retried) => retried === kind);
}

/** The request that repeats a training. Every field of its configuration is an override, since the
 * presets may differ from those at the time of the job. */
export function trainingRequest(job: Job): JobRequest {
  const unused = UNUSED[String(job.config.architecture)] ?? [];
  const overrides = Object.fromEntries(
    Object.entries(job.config).filter(([name]) => ![...DERIVED, ...OWN, ...unused].includes(name)),
  );
  return {
    kind: "train",
    dataset: job.dataset,
    model: job.model,
    preset: job.preset as JobRequest["preset"],
    images: Number(job.config.images),
    batch_size: Number(job.config.batch_size),
    seed: Number(job.config.seed),
    resume_from: job.resume_from,
    overrides: overrides as JobRequest["overrides"],
  };
}

/** The request that continues a training from a checkpoint of its own, up to the number of images
 * that it was to learn from; one that had learnt from all of them learns from as many again. */
export function continuedRequest(job: Job, checkpoint: Checkpoint): JobRequest {
  const request = trainingRequest(job);
  const missing = Number(job.config.images) - checkpoint.images_seen;
  return {
    ...request,
    resume_from: checkpoint.id,
    images: missing > 0 ? missing : Number(job.config.images),
  };
}

/** The request that repeats an evaluation or a synthesis, on the same checkpoint. */
export function repeatedRequest(job: Job): JobRequest {
  if (job.kind === "evaluate") {
    return {
      kind: "evaluate",
      dataset: job.dataset,
      model: job.model,
      checkpoint: job.checkpoint,
      images: Number(job.config.images),
    };
  }
  const { index: _, ...config } = job.config; // the sample index that was in use at the time
  return {
    ...(config as JobRequest),
    kind: "synthesize",
    model: job.model,
    checkpoint: job.checkpoint,
  };
}
