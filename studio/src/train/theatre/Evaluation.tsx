import { useQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { api, data } from "../../api/client";
import { useQueueJob } from "../../api/jobs";
import { hasEnded, useJob } from "../../api/queries";
import { useTexts } from "../../i18n";
import { scoreOf } from "../../scores/scores";
import { ErrorText } from "../../sentences/ErrorText";
import { JobErrorText } from "../../sentences/JobErrorText";
import { JobRemedy } from "../../sentences/JobRemedy";
import { useTrainTexts } from "../texts";
import { Shares } from "./Shares";

/** A thorough scoring of a checkpoint: queued by a button, followed, and shown. */
export function Evaluation({ checkpoint, dataset }: { checkpoint: string; dataset: string }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const create = useQueueJob();
  const evaluations = useQuery({
    queryKey: ["jobs", "evaluations", dataset],
    queryFn: () =>
      data(api.GET("/v1/jobs", { params: { query: { kind: "evaluate", dataset, limit: 50 } } })),
  });
  const before = evaluations.data?.items.find((job) => job.checkpoint === checkpoint);
  const { data: job } = useJob(create.data?.id ?? before?.id ?? null);
  const failed = create.error !== null || (job?.error ?? null) !== null;
  return (
    <div className="evaluation">
      {job?.result && (
        <>
          <p className="row">
            <span>{t.kid}</span>
            <strong className="number">{n(scoreOf(job.result, "kid") ?? 0, 3)}</strong>
          </p>
          <Shares metrics={job.result} />
        </>
      )}
      {failed && (
        <p className="field-error" role="alert">
          {create.error ? <ErrorText error={create.error} /> : job && <JobErrorText of={job} />}
          {!create.error && job && <JobRemedy of={job} />}
        </p>
      )}
      {job !== undefined && !hasEnded(job.status) ? (
        <p className="muted" role="status">
          {job.status === "queued" ? t.evaluateQueued : t.evaluating}
        </p>
      ) : (
        !job?.result && (
          <div className="row">
            <span className="muted">{t.evaluateHelp}</span>
            <Button
              className="button"
              isDisabled={create.isPending}
              onPress={() =>
                create.mutate({
                  body: { kind: "evaluate", checkpoint, dataset },
                  key: `evaluate-${checkpoint}-${dataset}-${evaluations.dataUpdatedAt}`,
                })
              }
            >
              {t.evaluate}
            </Button>
          </div>
        )
      )}
    </div>
  );
}
