import type { ReactNode } from "react";
import type { Job } from "../api/client";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { JobErrorText } from "../sentences/JobErrorText";
import { ScreenLink } from "../ui/ScreenLink";
import { StatusBadge } from "../ui/StatusBadge";
import { STATUS_TEXTS } from "../ui/statusTexts";
import { JOBS_CODEC, type JobsView } from "./address";
import { detailOf, secondsOf, titleOf } from "./describe";
import { JobProgress, progressText } from "./JobProgress";
import { TEXTS } from "./texts";

/** One job in the list: what it is, where it stands, and how far it is. `order` holds the buttons
 * that move it in its queue. */
export function JobRow({ job, view, order }: { job: Job; view: JobsView; order?: ReactNode }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const words = useScreenTexts(STATUS_TEXTS);
  const isOpen = view.job === job.id;
  const detail = detailOf(job, t, n);
  return (
    <li className={order ? "job-item ordered" : "job-item"}>
      <ScreenLink
        className={`job-row ${job.status}`}
        query={JOBS_CODEC.format({ ...view, job: job.id })}
        data-job={job.id}
        aria-current={isOpen ? "true" : undefined}
      >
        <span className="job-kind">{words[job.kind]}</span>
        <span className="job-what">
          <span className="job-title">{titleOf(job, t)}</span>
          {detail && <span className="job-detail">{detail}</span>}
          {job.owner && <span className="job-detail">{t.by(job.owner)}</span>}
        </span>
        <StatusBadge job={job} />
        <span className="job-state">
          <State job={job} />
        </span>
        {job.status === "running" && <JobProgress job={job} />}
      </ScreenLink>
      {order}
    </li>
  );
}

/** The place of a queued job, the rate of a running one, the error or the time of an ended one. */
function State({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const formats = useFormats();
  if (job.status === "queued") {
    if (job.room_needed !== null) return t.parked;
    return job.position === null ? "" : t.place(n(job.position));
  }
  if (job.status === "running" || job.status === "paused") return progressText(job, t, n, formats);
  if (job.status === "failed" && job.error) return <JobErrorText of={job} brief />;
  const seconds = secondsOf(job);
  const moment = formats.moment(job.finished_at ?? job.created_at);
  return seconds === null ? moment : `${moment} · ${t.ranFor(formats.duration(seconds))}`;
}
