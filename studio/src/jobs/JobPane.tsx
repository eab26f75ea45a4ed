import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import type { Job } from "../api/client";
import { useJobAction } from "../api/jobs";
import { isMissing } from "../api/problem";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { ErrorText } from "../sentences/ErrorText";
import { alertMessage } from "../sentences/health";
import { JobErrorText } from "../sentences/JobErrorText";
import { JobRemedy } from "../sentences/JobRemedy";
import { Said } from "../sentences/Said";
import { screenQuery } from "../state/screen";
import { IconButton } from "../ui/controls";
import { CloseIcon, PauseIcon, PlayIcon } from "../ui/icons";
import { ScreenLink } from "../ui/ScreenLink";
import { StatusBadge } from "../ui/StatusBadge";
import { STATUS_TEXTS } from "../ui/statusTexts";
import { CancelButton } from "./CancelButton";
import { titleOf } from "./describe";
import { Configuration, JobFacts } from "./JobFacts";
import { JobLog } from "./JobLog";
import { JobProgress, progressText } from "./JobProgress";
import { JobResult } from "./JobResult";
import { RetryButton } from "./RetryButton";
import { TEXTS } from "./texts";

/** One job in detail, beside the list. */
export function JobPane({
  job,
  error,
  onClose,
  onOpen,
}: {
  job: Job | undefined;
  error: Error | null;
  onClose: () => void;
  onOpen: (job: string) => void;
}) {
  const t = useScreenTexts(TEXTS);
  const { t: common } = useTexts();
  const words = useScreenTexts(STATUS_TEXTS);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) onClose();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [onClose]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // On a phone the pane takes the place of the list, and of the row that had the focus.
    if (!document.activeElement?.checkVisibility()) heading.current?.focus();
  }, []);
  return (
    <aside className="pane" aria-label={t.details}>
      <div className="pane-head">
        <h2 ref={heading} tabIndex={-1}>
          {job ? `${words[job.kind]}: ${titleOf(job, t)}` : t.details}
        </h2>
        {job && <StatusBadge job={job} />}
        <IconButton label={t.close} onPress={onClose}>
          <CloseIcon />
        </IconButton>
      </div>
      <div className="pane-body">
        {job === undefined ? (
          error === null ? (
            <p className="muted">{common.loading}…</p>
          ) : (
            <p className="alert" role="alert">
              <strong>{isMissing(error) ? t.notFound : common.failed}</strong>
              <span>
                <ErrorText error={error} />
              </span>
            </p>
          )
        ) : (
          <>
            <Trouble job={job} />
            <Standing job={job} />
            <Actions job={job} onOpen={onOpen} />
            <Health job={job} />
            <JobResult job={job} />
            <JobFacts job={job} />
            <JobLog job={job} />
            <Configuration job={job} />
          </>
        )}
      </div>
    </aside>
  );
}

/** The error of a job, and what helps against it. */
function Trouble({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const formats = useFormats();
  if (job.error === null) return null;
  return (
    <div className="alert" role="alert">
      <strong>{job.room_needed === null ? t.error : t.parked}</strong>
      <span>
        <JobErrorText of={job} />
      </span>
      {job.room_needed === null ? (
        <JobRemedy of={job} />
      ) : (
        <span>{t.waitsForRoom(formats.bytes(job.room_needed))}</span>
      )}
    </div>
  );
}

/** How far the job is, or when its turn comes. */
function Standing({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const formats = useFormats();
  const text = progressText(job, t, n, formats);
  if (job.status === "queued" && job.position !== null) {
    return <p>{t.place(n(job.position))}</p>;
  }
  const isUnderWay = job.status === "running" || job.status === "paused";
  if (!isUnderWay && job.progress.images_seen === 0) return null;
  return (
    <div className="standing">
      {isUnderWay && <JobProgress job={job} />}
      <p className="number" aria-live="off">
        {text}
      </p>
      {job.status === "paused" && <p className="muted">{t.paused}</p>}
    </div>
  );
}

function Actions({ job, onOpen }: { job: Job; onOpen: (job: string) => void }) {
  const t = useScreenTexts(TEXTS);
  const action = useJobAction(job.id);
  const isPausable = job.kind === "train" || job.kind === "synthesize";
  const isWaiting = job.status === "queued" || job.status === "running";
  return (
    <div className="button-row">
      {job.kind === "train" && (
        <ScreenLink className="button primary" query={screenQuery("train", { job: job.id })}>
          {t.theatre}
        </ScreenLink>
      )}
      {isPausable && isWaiting && (
        <Button
          className="button"
          isDisabled={action.isPending || job.stop_requested !== null}
          onPress={() => action.mutate("pause")}
        >
          <PauseIcon />
          {t.pause}
        </Button>
      )}
      {job.status === "paused" && (
        <Button
          className="button"
          isDisabled={action.isPending}
          onPress={() => action.mutate("resume")}
        >
          <PlayIcon />
          {t.resume}
        </Button>
      )}
      <CancelButton job={job} />
      <RetryButton job={job} onQueued={onOpen} />
      {job.model !== null && (
        <>
          <ScreenLink className="button" query={screenQuery("models", { model: job.model })}>
            {t.openModel}
          </ScreenLink>
          <ScreenLink
            className="button"
            query={screenQuery("explore", {
              model: job.model,
              photo: job.kind === "project" ? job.id : null,
            })}
          >
            {job.kind === "project" ? t.openPhoto : t.explore}
          </ScreenLink>
        </>
      )}
      {action.error && (
        <p className="field-error" role="alert">
          <ErrorText error={action.error} />
        </p>
      )}
    </div>
  );
}

/** What the training says about itself, the newest first. */
function Health({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  if (job.health.length === 0) return null;
  return (
    <section className="section">
      <h3>{t.health}</h3>
      <ul className="health">
        {job.health.toReversed().map((alert, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: events are only added
          <li key={job.health.length - index}>
            <Said english={alert.message} japanese={alertMessage(alert)} />
          </li>
        ))}
      </ul>
    </section>
  );
}
