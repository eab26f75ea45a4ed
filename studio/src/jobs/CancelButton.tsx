import type { Job } from "../api/client";
import { useJobAction } from "../api/jobs";
import { hasEnded, useJobCheckpoints } from "../api/queries";
import { useScreenTexts, useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { ConfirmButton } from "../ui/ConfirmButton";
import { CloseIcon } from "../ui/icons";
import { STATUS_TEXTS } from "../ui/statusTexts";
import { titleOf } from "./describe";
import { TEXTS } from "./texts";

/** Cancels exactly one job, after it has said what is kept and what is lost. */
export function CancelButton({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const words = useScreenTexts(STATUS_TEXTS);
  const action = useJobAction(job.id);
  if (hasEnded(job.status)) return null;
  return (
    <ConfirmButton
      label={t.cancel}
      icon={<CloseIcon />}
      title={t.cancelTitle(`${words[job.kind]}: ${titleOf(job, t)}`)}
      confirm={t.cancelConfirm}
      danger
      isDisabled={job.stop_requested === "cancel"}
      onConfirm={() => action.mutateAsync("cancel")}
    >
      <KeptAndLost job={job} />
      <p className="muted">{t.otherJobs}</p>
    </ConfirmButton>
  );
}

/** What is kept of a job that is cancelled, and what is lost. */
export function KeptAndLost({ job }: { job: Job }) {
  return (
    <dl className="facts">
      {job.kind === "train" && job.model !== null ? (
        <Training job={job} model={job.model} />
      ) : (
        <Other job={job} />
      )}
    </dl>
  );
}

function Training({ job, model }: { job: Job; model: string }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const { checkpoints, error } = useJobCheckpoints(job);
  if (checkpoints === undefined) {
    return (
      <>
        <dt>{t.kept}</dt>
        <dd>{error === null ? "…" : <ErrorText error={error} />}</dd>
      </>
    );
  }
  const newest = checkpoints[0];
  const seen = job.progress.images_seen;
  return (
    <>
      <dt>{t.kept}</dt>
      <dd>
        {newest === undefined
          ? t.keptNoCheckpoint
          : t.keptCheckpoints(n(checkpoints.length), model, n(newest.images_seen))}
      </dd>
      <dt>{t.lost}</dt>
      <dd>
        {newest === undefined
          ? t.lostWholeTraining(n(seen))
          : t.lostTraining(n(Math.max(0, seen - newest.images_seen)))}
      </dd>
    </>
  );
}

function Other({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  return (
    <>
      <dt>{t.kept}</dt>
      <dd>{t.keptLog}</dd>
      <dt>{t.lost}</dt>
      <dd>
        {job.kind === "synthesize"
          ? t.lost_synthesize(n(job.progress.images_seen))
          : job.kind !== "train" && t[`lost_${job.kind}`]}
      </dd>
    </>
  );
}
