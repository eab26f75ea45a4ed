import { useState } from "react";
import type { Job } from "../../api/client";
import { newRequestKey, useJobAction, useQueueJob } from "../../api/jobs";
import { hasEnded, useCheckpoints } from "../../api/queries";
import { useTexts } from "../../i18n";
import { alertSays, alertSuggests } from "../../sentences/health";
import { Said } from "../../sentences/Said";
import type { Change } from "../../state/address";
import { ConfirmButton } from "../../ui/ConfirmButton";
import { CheckIcon } from "../../ui/icons";
import type { TrainState } from "../address";
import { type TrainTexts, useTrainTexts } from "../texts";
import { type Finding, findingOf, restartRequest } from "./health";

const JUDGED_FROM = 30_000;

/** What the training says of its own health, with what to do about it. */
export function HealthPanel({ job, change }: { job: Job; change: Change<TrainState> }) {
  const t = useTrainTexts();
  const findings = job.health.map(findingOf).reverse();
  return (
    <section className="panel-box" aria-labelledby="health-title">
      <h2 id="health-title">{t.health}</h2>
      {findings.length === 0 && <NoFinding job={job} />}
      <ul className="health-findings" aria-live="polite" hidden={findings.length === 0}>
        {findings.map((finding, index) => (
          <li key={`${finding.signal}${finding.images}`} className="health-finding">
            <FindingText finding={finding} />
            {index === 0 && <Remedy job={job} finding={finding} change={change} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A training without a finding is healthy only once it has been judged. */
function NoFinding({ job }: { job: Job }) {
  const t = useTrainTexts();
  if (job.progress.images_seen < JUDGED_FROM) {
    return (
      <p className="muted" role="status">
        {hasEnded(job.status) ? t.healthTooShort : t.healthUnjudged}
      </p>
    );
  }
  return (
    <p className="healthy" role="status">
      <CheckIcon />
      {t.healthy}
    </p>
  );
}

function FindingText({ finding }: { finding: Finding }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  return (
    <>
      <p>
        <strong>{titleOf(t, finding.signal)}</strong>{" "}
        {finding.images !== null && (
          <span className="muted number">{t.atImages(n(finding.images))}</span>
        )}
      </p>
      <p>
        <Said english={finding.says} japanese={alertSays(finding.alert)} />
      </p>
      {finding.suggests !== null && (
        <p className="muted">
          {t.suggestion}:{" "}
          <Said english={finding.suggests} japanese={alertSuggests(finding.alert)} />
        </p>
      )}
      {finding.action !== null && (
        <p>{t.actedBy(finding.action.field, finding.action.before, finding.action.after)}</p>
      )}
    </>
  );
}

/** The suggestion as a button, where a call of the service does it. */
function Remedy({
  job,
  finding,
  change,
}: {
  job: Job;
  finding: Finding;
  change: Change<TrainState>;
}) {
  const t = useTrainTexts();
  const create = useQueueJob();
  const [key] = useState(newRequestKey);
  const action = useJobAction(job.id);
  const checkpoints = useCheckpoints(job.model ?? "").data?.items;
  const newest = checkpoints?.find((checkpoint) => checkpoint.job === job.id);
  const isLive = !hasEnded(job.status);
  if (finding.signal === "plateau") {
    if (!isLive) return null;
    return (
      <ConfirmButton
        label={t.stopHere}
        title={t.stopTitle}
        confirm={t.stopConfirm}
        danger
        onConfirm={() => action.mutateAsync("cancel")}
      >
        <p>{t.cancelHelp}</p>
      </ConfirmButton>
    );
  }
  if (job.config.stability === "auto" || checkpoints === undefined) return null;
  const { proposal } = finding.alert;
  const changes = Object.entries(proposal ?? {})
    .map(([field, value]) => `${field} = ${value}`)
    .join(", ");
  const restart = async () => {
    const body = restartRequest(job, newest ?? null, proposal);
    const created = await create.mutateAsync({ body, key });
    if (isLive) await action.mutateAsync("cancel");
    change({ job: created.id, compare: job.id, at: null });
  };
  return (
    <ConfirmButton
      label={newest === undefined ? t.restartAnew : t.restart}
      title={newest === undefined ? t.restartAnewTitle : t.restartTitle}
      confirm={t.restartConfirm}
      onConfirm={restart}
    >
      {changes !== "" && <p>{t.restartChanges(changes)}</p>}
      <p>{newest === undefined ? t.restartAnewHelp : t.restartHelp}</p>
    </ConfirmButton>
  );
}

function titleOf(t: TrainTexts, signal: Finding["signal"]): string {
  return signal === null ? t.signal_other : t[`signal_${signal}`];
}
