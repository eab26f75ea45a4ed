import { useQuery } from "@tanstack/react-query";
import type { Model } from "../api/client";
import { api, data, serviceUrl } from "../api/client";
import { pathOf } from "../api/paths";
import { isMissing } from "../api/problem";
import { useCheckpoints } from "../api/queries";
import { useScreenTexts, useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";
import type { Change } from "../state/address";
import { screenQuery } from "../state/screen";
import { DownloadLink } from "../ui/DownloadLink";
import { PreviousIcon } from "../ui/icons";
import { ScreenLink } from "../ui/ScreenLink";
import { type ModelsView, modelQuery } from "./address";
import { Checkpoints } from "./Checkpoints";
import { DeleteButton } from "./DeleteButton";
import { Embed } from "./Embed";
import { ModelCard } from "./ModelCard";
import { Strip } from "./ModelTile";
import { useModelJobs, useRefreshWhen } from "./queries";
import { RenameButton } from "./RenameButton";
import { Scores } from "./Scores";
import { TEXTS } from "./texts";

const PICTURES = 12;

/** One model: its card, scores and checkpoints, and everything that can be done with it. */
export function ModelPage({
  name,
  view,
  change,
}: {
  name: string;
  view: ModelsView;
  change: Change<ModelsView>;
}) {
  const t = useScreenTexts(TEXTS);
  const { t: common } = useTexts();
  const model = useQuery({
    // Below the key of the list, so that both are read again together.
    queryKey: ["models", name],
    queryFn: () => data(api.GET("/v1/models/{name}", { params: { path: { name } } })),
    refetchInterval: 15_000,
  });
  const isGone = isMissing(model.error);
  return (
    <main className="page">
      <div className="model-head">
        <ScreenLink className="link back" query={modelQuery(null)}>
          <PreviousIcon />
          {t.allModels}
        </ScreenLink>
        <h1 className="page-title">{name}</h1>
        {model.data && <Actions model={model.data} />}
      </div>
      {model.error !== null && (
        <div className="alert" role="alert">
          <strong>{isGone ? t.notFound(name) : common.failed}</strong>
          <span>{isGone ? t.notFoundHelp : <ErrorText error={model.error} />}</span>
        </div>
      )}
      {model.data === undefined && model.error === null && (
        <p className="muted">{common.loading}…</p>
      )}
      {model.data && <Sections model={model.data} view={view} change={change} />}
    </main>
  );
}

function Sections({
  model,
  view,
  change,
}: {
  model: Model;
  view: ModelsView;
  change: Change<ModelsView>;
}) {
  const t = useScreenTexts(TEXTS);
  const { t: common } = useTexts();
  const checkpoints = useCheckpoints(model.name);
  useModelJobs(model.name);
  useRefreshWhen(`${model.checkpoints} ${model.checkpoint}`);
  if (model.checkpoint === null) {
    return (
      <div className="blank">
        <p>{t.noCheckpointHelp}</p>
        <ScreenLink className="button" query={screenQuery("jobs", { model: model.name })}>
          {common.itsJobs}
        </ScreenLink>
      </div>
    );
  }
  if (checkpoints.data === undefined) {
    return checkpoints.error === null ? (
      <p className="muted">{common.loading}…</p>
    ) : (
      <p className="alert" role="alert">
        <ErrorText error={checkpoints.error} />
      </p>
    );
  }
  const { items } = checkpoints.data;
  const served = items.find((checkpoint) => checkpoint.served);
  return (
    <>
      <Strip model={model} count={PICTURES} />
      <Checkpoints
        model={model}
        checkpoints={items}
        score={view.score}
        onScore={(score) => change({ score }, { replace: true })}
      />
      <div className="model-columns">
        <div className="model-column">
          <ModelCard model={model} checkpoint={served} />
          <Embed model={model.name} />
        </div>
        <Scores model={model} checkpoint={served} />
      </div>
    </>
  );
}

function Actions({ model }: { model: Model }) {
  const t = useScreenTexts(TEXTS);
  const file = `${model.name}-playground.html`;
  return (
    <div className="button-row">
      {model.checkpoint !== null && (
        <>
          <ScreenLink
            className="button primary"
            query={screenQuery("explore", { model: model.name })}
          >
            {t.explore}
          </ScreenLink>
          <DownloadLink
            className="button"
            address={serviceUrl(pathOf("/v1/models/{name}/playground.html", model))}
            file={file}
          >
            {t.playground}
          </DownloadLink>
        </>
      )}
      <RenameButton model={model.name} />
      <DeleteButton model={model} />
    </div>
  );
}
