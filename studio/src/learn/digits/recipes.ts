import type { Dataset, Job, Model } from "../../api/client";

/** The presets that repeat the two articles. */
export const RECIPES = ["mlp", "mlp-relu"] as const;
export type Recipe = (typeof RECIPES)[number];

/** How often the trainings of the recipes are asked about. */
export const POLL_MS = 2000;

const SIDE = 28;

/** The name of the model that a recipe trains from here. */
export function modelName(recipe: Recipe): string {
  return `digits-${recipe}`;
}

/** The datasets in the order in which they suit digits: grey ones of 28×28 first. */
export function bySuitability(datasets: readonly Dataset[]): Dataset[] {
  const suits = ({ shape }: Dataset) =>
    Number(shape?.[0] === SIDE && shape[1] === SIDE) + Number(shape?.[2] === 1);
  return datasets.toSorted((left, right) => suits(right) - suits(left));
}

/** Whether a training goes on, or will. */
export function isCurrent(job: Job | null): boolean {
  return job !== null && ["running", "queued", "paused"].includes(job.status);
}

/** The training of a recipe to show: the one that goes on, or else the newest that began. */
export function trainingOf(recipe: Recipe, jobs: readonly Job[]): Job | null {
  const own = jobs.filter(({ preset }) => preset === recipe);
  return own.find(isCurrent) ?? own.find(({ progress }) => progress.images_seen > 0) ?? null;
}

/** The newest model of a recipe that has images. */
export function modelOf(recipe: Recipe, models: readonly Model[]): Model | null {
  return (
    models.find(({ config, checkpoint }) => config?.preset === recipe && checkpoint !== null) ??
    null
  );
}
