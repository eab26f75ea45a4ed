import { Button } from "react-aria-components";
import type { Dataset } from "../api/client";
import { serviceUrl } from "../api/client";
import { pathOf } from "../api/paths";
import { useDatasets } from "../api/queries";
import { useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { RemotePicture } from "../pictures/RemotePicture";
import { ErrorText } from "../sentences/ErrorText";
import { ConfirmButton } from "../ui/ConfirmButton";
import { TrashIcon } from "../ui/icons";
import { useDeleteDataset } from "./queries";
import { useTrainTexts } from "./texts";

/** The datasets that are there, to be trained on or deleted. */
export function DatasetList({ onChoose }: { onChoose: (name: string) => void }) {
  const t = useTrainTexts();
  const datasets = useDatasets();
  const items = datasets.data?.items ?? [];
  return (
    <section className="train-section" aria-labelledby="datasets-title">
      <h2 id="datasets-title">{t.existing}</h2>
      {datasets.error !== null && (
        <p className="alert" role="alert">
          <ErrorText error={datasets.error} />
        </p>
      )}
      {datasets.isSuccess && items.length === 0 && <p className="muted">{t.noDatasets}</p>}
      <ul className="dataset-cards">
        {items.map((dataset) => (
          <DatasetCard key={dataset.name} dataset={dataset} onChoose={onChoose} />
        ))}
      </ul>
    </section>
  );
}

function DatasetCard({
  dataset,
  onChoose,
}: {
  dataset: Dataset;
  onChoose: (name: string) => void;
}) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { bytes } = useFormats();
  const remove = useDeleteDataset();
  const { name, status, images, shape, classes } = dataset;
  return (
    <li className="dataset-card">
      <Button className="dataset-open" onPress={() => onChoose(name)}>
        <span className="dataset-sheet">
          {status === "ready" && (
            <RemotePicture address={previewUrl(dataset)} label={t.sheet(name)} />
          )}
        </span>
        <strong>{name}</strong>
        <span className="muted">
          {status === "ready" && shape !== null
            ? [
                t.pictures(n(images ?? 0)),
                `${shape[1]} × ${shape[0]}`,
                ...(classes === null ? [] : [t.classes(n(classes.length))]),
              ].join(" · ")
            : status === "failed"
              ? t.failed
              : t.ingesting}
        </span>
      </Button>
      {status !== "ingesting" && (
        <ConfirmButton
          label={`${t.deleteDataset} ${name}`}
          title={t.deleteTitle(name)}
          confirm={t.deleteDataset}
          danger
          className="icon-button card-delete"
          icon={<TrashIcon />}
          onConfirm={() => remove(name)}
        >
          <p>{t.deleteHelp(bytes(dataset.bytes ?? 0))}</p>
        </ConfirmButton>
      )}
    </li>
  );
}

/** The contact sheet of a dataset; another upload under its name has another one. */
export function previewUrl({ name, content_hash }: Dataset): string {
  const path = pathOf("/v1/datasets/{name}/preview.png", { name });
  return serviceUrl(`${path}#${content_hash?.slice(0, 12)}`);
}
