import type { ReactNode } from "react";
import type { Checkpoint, Model } from "../api/client";
import { useJob } from "../api/queries";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { Said } from "../sentences/Said";
import { servedReason } from "../sentences/served";
import { screenQuery } from "../state/screen";
import { ScreenLink } from "../ui/ScreenLink";
import { originOf } from "./lineage";
import { TEXTS } from "./texts";

/** Where a model comes from, what it is made of, and what may be done with it. */
export function ModelCard({
  model,
  checkpoint,
}: {
  model: Model;
  checkpoint: Checkpoint | undefined;
}) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const formats = useFormats();
  const job = useJob(checkpoint?.job ?? null).data;
  const imported = checkpoint?.imported ?? null;
  const origin = originOf(imported?.lineage);
  const training = job?.kind === "train" ? job : null;
  const config = model.config ?? {};
  const [height = 0, width = 0, channels = 0] = Array.isArray(config.shape)
    ? config.shape.map(Number)
    : [];
  const classes = config.conditional === true && Array.isArray(config.classes) && config.classes;
  const dataset = training?.dataset ?? origin?.dataset?.name;
  const facts: [string, ReactNode][] = [
    [
      t.origin,
      <Provenance
        key="origin"
        training={training?.id ?? null}
        isImported={imported !== null}
        from={origin?.model ?? null}
      />,
    ],
    [
      t.dataset,
      dataset === undefined
        ? t.unknownDataset
        : origin?.dataset?.images
          ? t.datasetOf(dataset, n(origin.dataset.images))
          : dataset,
    ],
    [t.continuedFrom, training?.resume_from],
    [t.preset, textOf(config.preset)],
    [t.architecture, textOf(config.architecture)],
    [t.size, t.sizeOf(n(width), n(height), { 1: t.grey, 3: t.rgb, 4: t.rgba }[channels] ?? "?")],
    [t.latent, t.numbers(n(Number(config.latent_dim)))],
    [t.classes, classes && classes.length > 0 ? classes.join(", ") : null],
    [t.imagesSeen, n(model.images_seen ?? 0)],
    [t.served, checkpoint && <span className="hash">{checkpoint.id}</span>],
    [
      t.servedBecause,
      model.served_because && (
        <Said
          key="because"
          english={model.served_because}
          japanese={servedReason(model.served_reason)}
        />
      ),
    ],
    [t.weights, checkpoint && <span className="hash">{checkpoint.sha256.slice(0, 16)}</span>],
    [t.created, formats.moment(model.created_at)],
    [t.stored, formats.bytes(model.bytes)],
    [t.licence, t.licenceNote],
  ];
  return (
    <section className="panel-box" aria-labelledby="model-card">
      <h2 id="model-card">{t.card}</h2>
      <dl className="facts">
        {facts
          .filter(([, value]) => value !== null && value !== undefined)
          .map(([name, value]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd className="number">{value}</dd>
            </div>
          ))}
      </dl>
      {imported !== null && <p className="muted small">{t.importedNote}</p>}
      <p className="muted small">{t.cardNote}</p>
    </section>
  );
}

/** Whether a checkpoint was trained here or imported. */
function Provenance({
  training,
  isImported,
  from,
}: {
  /** The job that trained it. */
  training: string | null;
  isImported: boolean;
  /** The name of the model that was exported. */
  from: string | null;
}) {
  const t = useScreenTexts(TEXTS);
  if (isImported) return from === null ? t.imported : t.importedFrom(from);
  if (training === null) return t.trainedHere;
  return (
    <ScreenLink className="link" query={screenQuery("jobs", { job: training })}>
      {t.trainedHere}
    </ScreenLink>
  );
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
