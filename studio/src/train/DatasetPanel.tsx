import { Button } from "react-aria-components";
import { Problem } from "../api/problem";
import { useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import { JobErrorText } from "../sentences/JobErrorText";
import { JobRemedy } from "../sentences/JobRemedy";
import type { Change } from "../state/address";
import type { TrainState } from "./address";
import { DatasetReport } from "./DatasetReport";
import { IngestProgress } from "./IngestProgress";
import { useDataset } from "./queries";
import { TrainForm } from "./TrainForm";
import { useTrainTexts } from "./texts";

/** The chosen pictures: their packing, their report, and the training on them. */
export function DatasetPanel({
  name,
  state,
  change,
}: {
  name: string;
  state: TrainState;
  change: Change<TrainState>;
}) {
  const t = useTrainTexts();
  const { t: common } = useTexts();
  const { data: dataset, error, ingest } = useDataset(name);
  const other = (
    <Button className="button quiet" onPress={() => change({ dataset: null, model: null })}>
      {t.useOther}
    </Button>
  );
  if (dataset === undefined) {
    if (error === null) return <p className="muted">{common.loading}</p>;
    const isMissing = error instanceof Problem && error.status === 404;
    return (
      <div className="alert" role="alert">
        <strong>{isMissing ? t.datasetMissing(name) : common.failed}</strong>
        {!isMissing && <ErrorText error={error} />}
        <div>{other}</div>
      </div>
    );
  }
  if (dataset.status === "failed") {
    return (
      <div className="alert" role="alert">
        <strong>{t.ingestFailed}</strong>
        <span>
          <JobErrorText of={dataset} />
        </span>
        <JobRemedy of={{ ...dataset, kind: "ingest" }} />
        <div>{other}</div>
      </div>
    );
  }
  if (dataset.status === "ingesting") return <IngestProgress dataset={dataset} ingest={ingest} />;
  return (
    <div className="train-columns">
      <DatasetReport dataset={dataset} other={other} />
      <TrainForm dataset={dataset} state={state} change={change} />
    </div>
  );
}
