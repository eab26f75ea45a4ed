import type { ReactNode } from "react";
import type { Job } from "../api/client";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { screenQuery } from "../state/screen";
import { ScreenLink } from "../ui/ScreenLink";
import { secondsOf } from "./describe";
import { TEXTS } from "./texts";

const MAX_DIGITS = 12;

/** Where a job comes from and when it ran. */
export function JobFacts({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  const formats = useFormats();
  const seconds = secondsOf(job);
  const ended = job.finished_at && formats.moment(job.finished_at);
  const facts: [string, ReactNode][] = [
    [
      t.model,
      job.model && (
        <ScreenLink className="link" query={screenQuery("models", { model: job.model })}>
          {job.model}
        </ScreenLink>
      ),
    ],
    [t.owner, job.owner],
    [t.dataset, job.dataset],
    [t.preset, job.preset],
    [t.resumedFrom, job.resume_from],
    [t.checkpoint, job.checkpoint],
    [t.queuedAt, formats.moment(job.created_at)],
    [t.startedAt, job.started_at && formats.moment(job.started_at)],
    [t.endedAt, seconds === null ? ended : `${ended} · ${t.ranFor(formats.duration(seconds))}`],
    [t.attempt, job.attempt > 0 ? n(job.attempt) : null],
    [t.worker, job.worker],
    [
      t.id,
      <span key="id" className="hash">
        {job.id}
      </span>,
    ],
  ];
  return (
    <section className="section">
      <h3>{t.facts}</h3>
      <dl className="facts">
        {facts
          .filter(([, value]) => value !== null)
          .map(([name, value]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd className="number">{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}

/** The complete configuration of a job. */
export function Configuration({ job }: { job: Job }) {
  const t = useScreenTexts(TEXTS);
  const fields = Object.entries(job.config);
  if (fields.length === 0) return null;
  return (
    <section className="section">
      <details className="details">
        <summary>{t.configuration}</summary>
        <dl className="facts configuration">
          {fields.map(([name, value]) => (
            <div key={name} className="fact">
              <dt lang="en">{name}</dt>
              <dd className="number">
                <Value value={value} />
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}

function Value({ value }: { value: unknown }) {
  const t = useScreenTexts(TEXTS);
  const { n } = useTexts();
  if (value === null || (Array.isArray(value) && value.length === 0)) {
    return <span className="muted">{t.none}</span>;
  }
  if (typeof value === "number") return n(value, MAX_DIGITS);
  if (typeof value === "boolean") return value ? t.yes : t.no;
  if (Array.isArray(value)) return value.map(String).join(" × ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
