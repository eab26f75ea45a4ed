import type { Job } from "../api/client";
import type { Translation } from "../i18n/en";
import type { en } from "./en";

type Texts = Translation<typeof en>;
type FormatNumber = (value: number, digits?: number) => string;

/** What a job works on, as the title of its row. */
export function titleOf(job: Job, t: Texts): string {
  if (job.kind === "evaluate" && job.model && job.dataset) {
    return t.onDataset(job.model, job.dataset);
  }
  return job.model ?? job.dataset ?? job.id;
}

/** What the title leaves out: the dataset of a training, the images of a synthesis, a file. */
export function detailOf(job: Job, t: Texts, n: FormatNumber): string | null {
  const { images, into, file } = job.config;
  if (job.kind === "train") return [job.dataset, job.preset].filter(Boolean).join(" · ");
  if (job.kind === "synthesize") {
    const count = n(Number(images));
    return typeof into === "string" ? t.into(count, into) : t.imagesOf(count);
  }
  return typeof file === "string" ? file : null;
}

/** The seconds that a job took, or has taken so far; null before it starts. */
export function secondsOf(job: Job): number | null {
  if (job.started_at === null || job.finished_at === null) return null;
  return (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000;
}
