import type { ReactNode } from "react";
import type { Dataset } from "../api/client";
import { type Schemas, serviceUrl } from "../api/client";
import { pathOf } from "../api/paths";
import { useTexts } from "../i18n";
import { RemotePicture } from "../pictures/RemotePicture";
import {
  balanceAdvice,
  balanceSays,
  findingAdvice,
  findingSays,
  varietyAdvice,
  varietySays,
} from "../sentences/findings";
import { hasDetail, labelsSay, type Rejection, rejectionOf, remarkOf } from "../sentences/report";
import { Said } from "../sentences/Said";
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
      <Refused dataset={dataset} report={report} />
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

/** The refused files, those with the same reason together, with what could be decoded of them. */
function Refused({ dataset, report }: { dataset: Dataset; report: Report }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  if (report.rejected_count === 0) return null;
  const shown = report.rejected.slice(0, REFUSED_SHOWN);
  const reasons = new Map<string, Rejection[]>();
  for (const rejection of shown) {
    reasons.set(rejection.reason, [...(reasons.get(rejection.reason) ?? []), rejection]);
  }
  return (
    <div className="finding">
      <h3>{t.refusedFiles}</h3>
      <ul className="refused">
        {[...reasons].map(([reason, rejections]) => (
          <li key={reason}>
            {rejections[0] && (
              <span>
                <Said
                  english={reason}
                  japanese={rejectionOf(rejections[0])}
                  detail={hasDetail(rejections[0])}
                />
              </span>
            )}
            <Thumbnails dataset={dataset} rejections={rejections} />
            <span className="muted hash">{rejections.map(({ file }) => file).join(", ")}</span>
          </li>
        ))}
      </ul>
      {report.rejected_count > shown.length && (
        <p className="muted">{t.moreRefused(n(report.rejected_count - shown.length))}</p>
      )}
    </div>
  );
}

function Thumbnails({
  dataset,
  rejections,
}: {
  dataset: Dataset;
  rejections: readonly Rejection[];
}) {
  const t = useTrainTexts();
  const pictured = rejections.flatMap(({ file, thumbnail }) =>
    thumbnail === null || thumbnail === undefined ? [] : [{ file, thumbnail }],
  );
  if (pictured.length === 0) return null;
  return (
    <ul className="examples">
      {pictured.map(({ file, thumbnail }) => (
        <li key={thumbnail} title={file}>
          <RemotePicture address={thumbnailUrl(dataset, thumbnail)} label={t.pictureOf(file)} />
        </li>
      ))}
    </ul>
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
      <Advised
        says={finding.says}
        suggests={finding.suggests}
        japanese={[findingSays(finding), findingAdvice(finding.advice)]}
      />
    </div>
  );
}

/** What a finding says, and below it what it suggests; in Japanese where both are known. */
function Advised({
  says,
  suggests,
  japanese: [saysJapanese, suggestsJapanese],
}: {
  says: string;
  suggests: string | null;
  japanese: readonly [string | null, string | null];
}) {
  return (
    <>
      <p>
        <Said english={says} japanese={saysJapanese} />
      </p>
      {suggests && (
        <p className="muted">
          <Said english={suggests} japanese={suggestsJapanese} />
        </p>
      )}
    </>
  );
}

/** Variety, classes, mirroring, and notes about the upload as a whole. */
function Remarks({ dataset, report }: { dataset: Dataset; report: Report }) {
  const t = useTrainTexts();
  const { doctor, labels, notes = [], remarks = [] } = report;
  const { effective_images: variety, class_balance: balance } = doctor ?? {};
  return (
    <>
      {variety && (
        <div className="finding">
          <h3>{t.variety}</h3>
          <Advised
            says={variety.says}
            suggests={variety.suggests}
            japanese={[varietySays(variety), varietyAdvice(variety.advice)]}
          />
        </div>
      )}
      {balance && (
        <div className="finding">
          <h3>{t.balance}</h3>
          <Advised
            says={balance.says}
            suggests={balance.suggests}
            japanese={[
              balanceSays(balance.counts.length, balance),
              balanceAdvice(balance.advice, balance),
            ]}
          />
        </div>
      )}
      {(labels || notes.length > 0) && (
        <div className="finding">
          <h3>{t.notes}</h3>
          {labels && (
            <p>
              <Said english={labels.says} japanese={labelsSay(labels)} />
            </p>
          )}
          {notes.map((note, index) => (
            <p key={note}>
              <Said english={note} japanese={remarkOf(remarks[index])} />
            </p>
          ))}
        </div>
      )}
      <p className="muted">{dataset.horizontal_flip ? t.mirrored : t.notMirrored}</p>
    </>
  );
}

function pictureUrl({ name, content_hash }: Dataset, index: number): string {
  const path = pathOf("/v1/datasets/{name}/images/{index}.png", { name, index });
  return serviceUrl(`${path}?content_hash=${content_hash}`);
}

function thumbnailUrl({ name, job }: Dataset, index: number): string {
  return serviceUrl(
    `${pathOf("/v1/datasets/{name}/rejected/{index}.png", { name, index })}?job=${job}`,
  );
}
