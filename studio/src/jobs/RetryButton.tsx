import { useState } from "react";
import { Button, Radio, RadioGroup } from "react-aria-components";
import type { Job } from "../api/client";
import { useQueueJob, useSearchDirections } from "../api/jobs";
import { hasEnded, useJobCheckpoints } from "../api/queries";
import { continuedRequest, isRetried, repeatedRequest, trainingRequest } from "../api/retry";
import { useScreenTexts, useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { ConfirmButton } from "../ui/ConfirmButton";
import { TEXTS } from "./texts";

/** Queues a job that has ended again, or says how else it is repeated. */
export function RetryButton({ job, onQueued }: { job: Job; onQueued: (job: string) => void }) {
  const t = useScreenTexts(TEXTS);
  if (!hasEnded(job.status)) return null;
  if (job.kind === "train") return <RetryTraining job={job} onQueued={onQueued} />;
  if (job.kind === "directions") return <RetryDirections job={job} onQueued={onQueued} />;
  if (isRetried(job.kind)) return <RetryOther job={job} onQueued={onQueued} />;
  if (job.status === "succeeded") return null;
  return <p className="muted no-retry">{t[`noRetry_${job.kind as NotRetried}`]}</p>;
}

type NotRetried = Exclude<Job["kind"], "train" | "evaluate" | "synthesize" | "directions">;

function RetryTraining({ job, onQueued }: { job: Job; onQueued: (job: string) => void }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const queue = useQueueJob();
  const [from, setFrom] = useState("start");
  const newest = useJobCheckpoints(job).checkpoints?.[0];
  const start = trainingRequest(job);
  const continued = newest && continuedRequest(job, newest);
  const request = (from === "checkpoint" && continued) || start;
  return (
    <ConfirmButton
      label={t.retry}
      title={t.retryTitle}
      confirm={t.retry}
      onConfirm={async () => onQueued((await queue.mutateAsync({ body: request })).id)}
    >
      <RadioGroup className="choices" aria-label={t.retryFrom} value={from} onChange={setFrom}>
        <Radio className="choice" value="start">
          <strong>{t.fromStart}</strong>
          <span className="muted">{t.fromStartHelp(n(start.images ?? 0))}</span>
        </Radio>
        {newest && continued && (
          <Radio className="choice" value="checkpoint">
            <strong>{t.fromCheckpoint}</strong>
            <span className="muted">
              {t.fromCheckpointHelp(n(newest.images_seen), n(continued.images ?? 0))}
            </span>
          </Radio>
        )}
      </RadioGroup>
    </ConfirmButton>
  );
}

function RetryOther({ job, onQueued }: { job: Job; onQueued: (job: string) => void }) {
  const queue = useQueueJob();
  return (
    <Retry
      error={queue.error}
      isPending={queue.isPending}
      onPress={() =>
        queue.mutate({ body: repeatedRequest(job) }, { onSuccess: (queued) => onQueued(queued.id) })
      }
    />
  );
}

function RetryDirections({ job, onQueued }: { job: Job; onQueued: (job: string) => void }) {
  const search = useSearchDirections(job.model ?? "", job.checkpoint);
  return (
    <Retry
      error={search.error}
      isPending={search.isPending}
      onPress={() => search.mutate(undefined, { onSuccess: (queued) => onQueued(queued.id) })}
    />
  );
}

function Retry({
  error,
  isPending,
  onPress,
}: {
  error: Error | null;
  isPending: boolean;
  onPress: () => void;
}) {
  const t = useScreenTexts(TEXTS);
  return (
    <>
      <Button className="button" isDisabled={isPending} onPress={onPress}>
        {t.retry}
      </Button>
      {error && (
        <p className="field-error" role="alert">
          <ErrorText error={error} />
        </p>
      )}
    </>
  );
}
