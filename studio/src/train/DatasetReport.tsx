import type { ReactNode } from "react";
import type { Dataset } from "../api/client";
import { type Schemas, serviceUrl } from "../api/client";
import { useTexts } from "../i18n";
import { RemotePicture } from "../pictures/RemotePicture";
import { previewUrl } from "./DatasetList";
import { useTrainTexts } from "./texts";

const REFUSED_SHOWN = 20;
const EXAMPLES_SHOWN = 8;
type Report = NonNullable<Dataset["report"]>;
type Finding = Schemas["Finding"];

/** What became of the uploaded files, and what the doctor says about the pictures. */
export function DatasetReport({ dataset, other }: { dataset: Dataset; other: ReactNode }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { name, report, shape, images, classes } = dataset;
  if (report === null || shape === null) return null;
  const findings = report.doctor?.findings.filter(({ count }) => count > 0) ?? [];
  return (
    <section className="report" aria-labelledby="report-title">
      <div className="row">
        <div>
          <h2 className="report-name">{name}</h2>
          <p className="muted">
            {t.pictures(n(images ?? 0))} · {shape[1]} × {shape[0]}
            {classes !== null && ` · ${t.classes(n(classes.length))}`}
          </p>
        </div>
        {other}
      </div>
      <div className="report-sheet">
        <RemotePicture address={previewUrl(dataset)} label={t.sheet(name)} />
      </div>
      <h2 id="report-title">{t.report}</h2>
      <dl className="figures">
        <Figure term={t.accepted} value={n(report.accepted)} />
        <Figure term={t.duplicates} value={n(report.duplicates)} />
        <Figure term={t.refused} value={n(report.rejected_count)} />
      </dl>
      <Refused report={report} />
      {findings.map((finding) => (
        <FindingView key={finding.kind} dataset={dataset} finding={finding} />
      ))}
      {report.doctor && findings.length === 0 && <p className="well">{t.allWell}</p>}
      <Remarks dataset={dataset} report={report} />
    </section>
  );
}

function Figure({ term, value }: { term: string; value: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd className="number">{value}</dd>
    </div>
  );
}

/** The refused files, those with the same reason together. */
function Refused({ report }: { report: Report }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  if (report.rejected_count === 0) return null;
  const shown = report.rejected.slice(0, REFUSED_SHOWN);
  const reasons = new Map<string, string[]>();
  for (const { file, reason } of shown) {
    reasons.set(reason, [...(reasons.get(reason) ?? []), file]);
  }
  return (
    <div className="finding">
      <h3>{t.refusedFiles}</h3>
      <ul className="refused">
        {[...reasons].map(([reason, files]) => (
          <li key={reason}>
            <span lang="en">{reason}</span>
            <span className="muted hash">{files.join(", ")}</span>
          </li>
        ))}
      </ul>
      {report.rejected_count > shown.length && (
        <p className="muted">{t.moreRefused(n(report.rejected_count - shown.length))}</p>
      )}
    </div>
  );
}

/** A kind of fault, with the worst pictures. */
function FindingView({ dataset, finding }: { dataset: Dataset; finding: Finding }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const examples = finding.examples.slice(0, EXAMPLES_SHOWN);
  return (
    <div className="finding">
      <h3>
        {t[`finding_${finding.kind}`]} <span className="number">{n(finding.count)}</span>
      </h3>
      <ul className="examples">
        {examples.map(({ index, file, like }) => (
          <li key={file} title={like ? `${file} ≈ ${like.file}` : file}>
            {index !== null && (
              <RemotePicture
                address={pictureUrl(dataset, index)}
                label={like ? t.likePicture(file, like.file) : t.pictureOf(file)}
              />
            )}
            {like?.index !== null && like?.index !== undefined && (
              <RemotePicture
                address={pictureUrl(dataset, like.index)}
                label={t.pictureOf(like.file)}
              />
            )}
          </li>
        ))}
      </ul>
      <p lang="en">{finding.says}</p>
      {finding.suggests && (
        <p className="muted" lang="en">
          {finding.suggests}
        </p>
      )}
    </div>
  );
}

/** Variety, classes, mirroring, and notes about the upload as a whole. */
function Remarks({ dataset, report }: { dataset: Dataset; report: Report }) {
  const t = useTrainTexts();
  const { doctor, labels, notes = [], unclassified } = report;
  const remarks = [
    doctor && { title: t.variety, ...doctor.effective_images },
    doctor?.class_balance && { title: t.balance, ...doctor.class_balance },
  ].filter((remark) => !!remark);
  const sentences = [
    ...(labels ? [labels.says] : []),
    ...(unclassified ? [`${unclassified.count}: ${unclassified.files.join(", ")}`] : []),
    ...notes,
  ];
  return (
    <>
      {remarks.map(({ title, says, suggests }) => (
        <div className="finding" key={title}>
          <h3>{title}</h3>
          <p lang="en">{says}</p>
          {suggests && (
            <p className="muted" lang="en">
              {suggests}
            </p>
          )}
        </div>
      ))}
      {sentences.length > 0 && (
        <div className="finding" lang="en">
          <h3 lang={document.documentElement.lang}>{t.notes}</h3>
          {sentences.map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
        </div>
      )}
      <p className="muted">{dataset.horizontal_flip ? t.mirrored : t.notMirrored}</p>
    </>
  );
}

function pictureUrl({ name, content_hash }: Dataset, index: number): string {
  return serviceUrl(`/v1/datasets/${name}/images/${index}.png?content_hash=${content_hash}`);
}
