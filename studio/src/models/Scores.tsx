import { useState } from "react";
import { Button, Dialog, DialogTrigger, Popover } from "react-aria-components";
import type { Checkpoint, Model } from "../api/client";
import { useQueueJob } from "../api/jobs";
import { useDatasets } from "../api/queries";
import { useScreenTexts } from "../i18n";
import { ScoresTable } from "../scores/ScoresTable";
import { ErrorText } from "../sentences/ErrorText";
import { screenQuery } from "../state/screen";
import { Chooser } from "../ui/controls";
import { ScreenLink } from "../ui/ScreenLink";
import { TEXTS } from "./texts";

/** The scores of the served checkpoint, and the way to new ones. */
export function Scores({
  model,
  checkpoint,
}: {
  model: Model;
  checkpoint: Checkpoint | undefined;
}) {
  const t = useScreenTexts(TEXTS);
  const elsewhere = checkpoint?.imported?.metrics ?? null;
  const metrics = checkpoint?.metrics ?? elsewhere;
  return (
    <section className="panel-box" aria-labelledby="model-scores">
      <div className="row">
        <h2 id="model-scores">{t.scores}</h2>
        <EvaluateButton checkpoint={model.checkpoint ?? ""} />
      </div>
      {metrics === null ? (
        <p className="muted">{t.noScores}</p>
      ) : (
        <>
          {checkpoint?.metrics === null && <p className="muted">{t.scoresElsewhere}</p>}
          <ScoresTable metrics={metrics} />
        </>
      )}
    </section>
  );
}

/** Scores a checkpoint against a dataset that one chooses. */
function EvaluateButton({ checkpoint }: { checkpoint: string }) {
  const t = useScreenTexts(TEXTS);
  return (
    <DialogTrigger>
      <Button className="button">{t.evaluate}</Button>
      <Popover className="popover panel" placement="bottom end">
        <Dialog className="dialog" aria-label={t.evaluate}>
          <Evaluation checkpoint={checkpoint} />
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function Evaluation({ checkpoint }: { checkpoint: string }) {
  const t = useScreenTexts(TEXTS);
  const datasets = useDatasets().data?.items.filter(({ status }) => status === "ready");
  const evaluate = useQueueJob();
  const [chosen, setChosen] = useState<string | null>(null);
  const dataset = chosen ?? datasets?.[0]?.name;
  if (evaluate.data !== undefined) {
    return (
      <>
        <p role="status">{t.evaluating}</p>
        <ScreenLink className="link" query={screenQuery("jobs", { job: evaluate.data.id })}>
          {t.openJob}
        </ScreenLink>
      </>
    );
  }
  return (
    <>
      <p className="muted">{t.evaluateHelp}</p>
      {datasets !== undefined && dataset === undefined && <p>{t.noDatasets}</p>}
      {dataset !== undefined && (
        <>
          <Chooser
            label={t.evaluateOn}
            choices={(datasets ?? []).map(({ name }) => ({ key: name, text: name }))}
            chosen={dataset}
            onChoose={setChosen}
          />
          <Button
            className="button primary"
            isDisabled={evaluate.isPending}
            onPress={() => evaluate.mutate({ body: { kind: "evaluate", checkpoint, dataset } })}
          >
            {t.evaluateStart}
          </Button>
        </>
      )}
      {evaluate.error !== null && (
        <p className="field-error" role="alert">
          <ErrorText error={evaluate.error} />
        </p>
      )}
    </>
  );
}
