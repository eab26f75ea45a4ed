import { Button } from "react-aria-components";
import type { Job } from "../../api/client";
import { useJobAction, useTrainings } from "../../api/jobs";
import { hasEnded } from "../../api/queries";
import { useTexts } from "../../i18n";
import { useFormats } from "../../i18n/formats";
import { KeptAndLost } from "../../jobs/CancelButton";
import { ErrorText } from "../../sentences/ErrorText";
import type { Change } from "../../state/address";
import { screenQuery } from "../../state/screen";
import { ConfirmButton } from "../../ui/ConfirmButton";
import { Chooser } from "../../ui/controls";
import { PauseIcon, PlayIcon } from "../../ui/icons";
import { ScreenLink } from "../../ui/ScreenLink";
import { StatusBadge } from "../../ui/StatusBadge";
import type { TrainState } from "../address";
import { useTrainTexts } from "../texts";

const NONE = "";

/** Which training it is, how far it is, and what can be done with it. */
export function TheatreHeader({
  job,
  compared,
  change,
}: {
  job: Job;
  compared: Job | null;
  change: Change<TrainState>;
}) {
  const t = useTrainTexts();
  const total = job.progress.images_total ?? 0;
  return (
    <header className="theatre-head">
      <div className="theatre-title">
        <h1 className="page-title">{job.model}</h1>
        <span role="status">
          <StatusBadge job={job} />
        </span>
        <span className="spacer" />
        <Comparison job={job} compared={compared} change={change} />
        <Steering job={job} />
      </div>
      <progress
        className="theatre-progress"
        value={total === 0 ? 0 : job.progress.images_seen / total}
        aria-label={t.history}
      />
      <p className="theatre-facts number">
        <Facts job={job} />
      </p>
    </header>
  );
}

function Facts({ job }: { job: Job }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { bytes, duration } = useFormats();
  const { images_seen, images_total, images_per_second, eta_seconds } = job.progress;
  const facts = [t.imagesOf(n(images_seen), n(images_total ?? 0))];
  if (job.room_needed !== null) {
    facts.push(t.roomNeeded(bytes(job.room_needed)));
  } else if (job.status === "queued") {
    if (job.position !== null) facts.push(t.position(n(job.position)));
    facts.push(t.queuedNext);
  } else if (job.status === "running" && images_per_second !== null) {
    facts.push(t.perSecond(n(images_per_second, images_per_second < 10 ? 1 : 0)));
    if (eta_seconds !== null) facts.push(t.remaining(duration(eta_seconds)));
  } else if (job.status === "running" && job.progress.images_seen === 0) {
    facts.push(t.starting);
  } else if (job.status === "paused") {
    facts.push(t.pausedHelp);
  } else if (job.started_at !== null && job.finished_at !== null) {
    facts.push(
      t.tookTime(duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)),
    );
  }
  return (
    <>
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
      {job.worker !== null && job.status === "running" && (
        <span className="muted">{t.on(job.worker)}</span>
      )}
      <span className="muted">
        {job.dataset} · {job.preset}
      </span>
    </>
  );
}

function Steering({ job }: { job: Job }) {
  const t = useTrainTexts();
  const action = useJobAction(job.id);
  if (hasEnded(job.status)) {
    return (
      <>
        {job.status === "succeeded" && (
          <ScreenLink
            className="button primary"
            query={screenQuery("explore", { model: job.model })}
          >
            {t.exploreIt}
          </ScreenLink>
        )}
        <ScreenLink className="button" query={screenQuery("train", { dataset: job.dataset })}>
          {t.newTraining}
        </ScreenLink>
      </>
    );
  }
  const isStopping = job.stop_requested !== null || action.isPending;
  return (
    <>
      {action.error !== null && (
        <span className="field-error" role="alert">
          <ErrorText error={action.error} />
        </span>
      )}
      {job.status === "paused" ? (
        <Button
          className="button primary"
          isDisabled={isStopping}
          onPress={() => action.mutate("resume")}
        >
          <PlayIcon />
          {t.resume}
        </Button>
      ) : (
        <Button className="button" isDisabled={isStopping} onPress={() => action.mutate("pause")}>
          <PauseIcon />
          {t.pause}
        </Button>
      )}
      <ConfirmButton
        label={t.cancel}
        title={t.cancelTitle}
        confirm={t.stopConfirm}
        danger
        isDisabled={job.stop_requested === "cancel"}
        onConfirm={() => action.mutateAsync("cancel")}
      >
        <KeptAndLost job={job} />
      </ConfirmButton>
    </>
  );
}

/** Another training whose curves and samples are laid over these. */
function Comparison({
  job,
  compared,
  change,
}: {
  job: Job;
  compared: Job | null;
  change: Change<TrainState>;
}) {
  const t = useTrainTexts();
  const { moment } = useFormats();
  const others = useTrainings().data?.items.filter(({ id }) => id !== job.id) ?? [];
  if (others.length === 0) return null;
  return (
    <Chooser
      label={t.compareWith}
      choices={[
        { key: NONE, text: compared === null ? t.compareWith : t.compareNone },
        ...others.map((other) => ({
          key: other.id,
          text: t.compareOption(other.model ?? "", other.preset ?? ""),
          detail: moment(other.created_at),
        })),
      ]}
      chosen={compared?.id ?? NONE}
      onChoose={(id) => change({ compare: id === NONE ? null : id })}
    />
  );
}
