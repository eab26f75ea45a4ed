import { type ReactNode, useState } from "react";
import type { Job } from "../api/client";
import { useMoveJob } from "../api/jobs";
import { useScreenTexts, useTexts } from "../i18n";
import { titleOf } from "./describe";
import { MoveButtons } from "./MoveButtons";
import { lastPlaces } from "./queueOrder";
import { TEXTS } from "./texts";

interface Queue {
  /** The buttons of a job that can be moved. */
  buttons: (job: Job) => ReactNode;
  /** Where the job is that was moved last, for screen readers. */
  announcement: string;
  error: Error | null;
}

/** Moves the queued ones among the listed jobs. Filters hide jobs, so that the end of a queue is not
 * known. */
export function useQueue(jobs: readonly Job[], isFiltered: boolean): Queue {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const [announcement, announce] = useState("");
  const { mutate, isPending, error } = useMoveJob();
  const last = lastPlaces(jobs);
  const move = (job: Job, position: number) =>
    mutate(
      { id: job.id, position },
      {
        onSuccess: (moved) => {
          if (moved.position === null) return;
          const text = moved.position === job.position ? t.stays : t.moved;
          const words = text(titleOf(job, t), n(moved.position));
          // A text that does not change is not read again.
          announce((before) => (before === words ? `${words}\u00a0` : words));
        },
      },
    );
  const buttons = (job: Job) => {
    const end = isFiltered ? null : (last.get(job.queue) ?? 0);
    if (job.position === null || (job.position === 1 && end === 1)) return null;
    return (
      <MoveButtons
        title={titleOf(job, t)}
        position={job.position}
        last={end}
        isPending={isPending}
        onMove={(position) => move(job, position)}
      />
    );
  };
  return { buttons, announcement, error };
}
