import { isMissing } from "../../api/problem";
import { useJob } from "../../api/queries";
import { useTexts } from "../../i18n";
import { ErrorText } from "../../sentences/ErrorText";
import { JobErrorText } from "../../sentences/JobErrorText";
import { JobRemedy } from "../../sentences/JobRemedy";
import { type Change, navigate } from "../../state/address";
import { screenQuery } from "../../state/screen";
import { Notice } from "../../ui/Notice";
import { ScreenLink } from "../../ui/ScreenLink";
import type { TrainState } from "../address";
import { useLiveTrainings } from "../liveTraining";
import { useTrainTexts } from "../texts";
import { CheckpointPanel } from "./CheckpointPanel";
import { CurvesPanel } from "./CurvesPanel";
import { HealthPanel } from "./HealthPanel";
import { SamplesPanel } from "./SamplesPanel";
import { ScorePanel } from "./ScorePanel";
import { TheatreHeader } from "./TheatreHeader";

const FOLLOWED = { isFollowed: true };

/** A training that is watched: its samples, curves, health, scores and checkpoints, live. */
export function Theatre({
  id,
  state,
  change,
}: {
  id: string;
  state: TrainState;
  change: Change<TrainState>;
}) {
  const t = useTrainTexts();
  const { t: common } = useTexts();
  const { data: job, error } = useJob(id, FOLLOWED);
  const other = useJob(state.compare, FOLLOWED);
  // The stream of events is refused if one of its jobs does not exist.
  useLiveTrainings([job, other.data].flatMap((known) => known?.id ?? []));

  if (job === undefined) {
    if (error === null) return <Notice title={common.loading} quiet />;
    return (
      <Notice
        title={isMissing(error) ? t.jobMissing : common.failed}
        text={<ErrorText error={error} />}
        action={{ text: t.trainings, onPress: () => navigate(screenQuery("train")) }}
      />
    );
  }
  if (job.kind !== "train") {
    return (
      <Notice
        title={t.notTraining(job.kind)}
        action={{ text: t.log, onPress: () => navigate(screenQuery("jobs", { job: job.id })) }}
      />
    );
  }
  const log = (
    <ScreenLink className="link" query={screenQuery("jobs", { job: job.id })}>
      {t.log}
    </ScreenLink>
  );
  const compared = other.data?.kind === "train" ? other.data : null;
  return (
    <main className="page theatre">
      <TheatreHeader job={job} compared={compared} change={change} />
      {job.status === "failed" && (
        <div className="alert" role="alert">
          <strong>{t.trainingFailed}</strong>
          <span>
            <JobErrorText of={job} />
          </span>
          <JobRemedy of={job} />
          {log}
        </div>
      )}
      {other.error !== null && (
        <p className="alert" role="alert">
          <ErrorText error={other.error} />
        </p>
      )}
      <div className="theatre-columns">
        <div className="theatre-stage">
          <SamplesPanel job={job} compared={compared} state={state} change={change} />
          {job.health.length === 0 && <HealthPanel job={job} change={change} />}
          <ScorePanel job={job} />
        </div>
        <div className="theatre-side">
          {job.health.length > 0 && <HealthPanel job={job} change={change} />}
          <CurvesPanel job={job} compared={compared} />
          <CheckpointPanel job={job} />
        </div>
      </div>
      {job.status !== "failed" && log}
    </main>
  );
}
