import type { Job } from "../api/client";
import { useScreenTexts } from "../i18n";
import type { Translation } from "../i18n/en";
import type { Formats } from "../i18n/formats";
import type { en } from "./en";
import { TEXTS } from "./texts";

/** How far a job is, as a bar; it only moves where the end is not known. */
export function JobProgress({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const { images_seen, images_total } = job.progress;
  const known = images_total !== null && images_total > 0;
  return known ? (
    <progress value={Math.min(1, images_seen / images_total)} aria-label={t.progress} />
  ) : (
    <progress aria-label={t.progress} />
  );
}

/** How far a job is, how fast, and for how long it goes on. */
export function progressText(
  job: Job,
  t: Translation<typeof en>,
  n: (value: number, digits?: number) => string,
  formats: Formats,
): string {
  const { images_seen, images_total, images_per_second, eta_seconds } = job.progress;
  const parts: string[] = [];
  if (images_total !== null) parts.push(t.seen(n(images_seen), n(images_total)));
  else if (images_seen > 0) parts.push(t.seenOnly(n(images_seen)));
  if (job.status === "running") {
    if (images_per_second !== null) {
      parts.push(t.rate(n(images_per_second, images_per_second < 10 ? 1 : 0)));
    }
    if (eta_seconds !== null) parts.push(t.left(formats.duration(eta_seconds)));
  }
  return parts.join(" · ");
}
