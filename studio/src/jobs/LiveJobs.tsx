import { memo, useCallback, useState } from "react";
import type { Job } from "../api/client";
import { useMoveJob, useMovingJobs } from "../api/jobs";
import { useScreenTexts, useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import type { JobsView } from "./address";
import { titleOf } from "./describe";
import { JobRow } from "./JobRow";
import { MoveButtons } from "./MoveButtons";
import { lastPlaces } from "./queueOrder";
import { TEXTS } from "./texts";

interface Moved {
  job: Job; // as it was before
  position: number;
  number: number; // of the move, as a text that does not change is not read again
}

/** The jobs that run or wait, with buttons that move the waiting ones. Filters hide jobs, so that the
 * end of a queue is not known. */
export function LiveJobs({
  jobs,
  view,
  isFiltered,
}: {
  jobs: readonly Job[];
  view: JobsView;
  isFiltered: boolean;
}) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const [moved, setMoved] = useState<Moved | null>(null);
  const { mutate, error } = useMoveJob();
  const moving = useMovingJobs();
  const move = useCallback(
    (job: Job, position: number) =>
      mutate(
        { id: job.id, position },
        {
          onSuccess: ({ position: reached }) => {
            if (reached === null) return; // it runs already
            setMoved((before) => ({ job, position: reached, number: (before?.number ?? 0) + 1 }));
          },
        },
      ),
    [mutate],
  );
  const last = lastPlaces(jobs);
  const place = moved && (moved.position === moved.job.position ? t.stays : t.moved);
  return (
    <>
      {error !== null && (
        <p className="alert" role="alert">
          <ErrorText error={error} />
        </p>
      )}
      <p className="live" role="status">
        {moved && place?.(titleOf(moved.job, t), n(moved.position))}
        {moved && moved.number % 2 === 0 && "\u00a0"}
      </p>
      <ul className="job-list">
        {jobs.map((job) => (
          <LiveRow
            key={job.id}
            job={job}
            view={view}
            last={isFiltered ? null : (last.get(job.queue) ?? null)}
            isMoving={moving.includes(job.id)}
            onMove={move}
          />
        ))}
      </ul>
    </>
  );
}

/** A queue may be long, and a job that runs changes every second: only its own row is made anew. */
const LiveRow = memo(function LiveRow({
  job,
  view,
  last,
  isMoving,
  onMove,
}: {
  job: Job;
  view: JobsView;
  last: number | null;
  isMoving: boolean;
  onMove: (job: Job, position: number) => void;
}) {
  const t = useScreenTexts(TEXTS);
  const isOnlyOne = job.position === 1 && last === 1;
  const order = job.position !== null && !isOnlyOne && (
    <MoveButtons
      title={titleOf(job, t)}
      position={job.position}
      last={last}
      isMoving={isMoving}
      onMove={(position) => onMove(job, position)}
    />
  );
  return <JobRow job={job} view={view} order={order} />;
});
