import type { Dataset, Schemas } from "../api/client";
import { useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { useTrainTexts } from "./texts";

/** How far the packing and the examination of the pictures are. */
export function IngestProgress({
  dataset,
  ingest,
}: {
  dataset: Dataset;
  ingest: Schemas["ProgressData"] | null;
}) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { bytes } = useFormats();
  const { phase, accepted = 0, rejected = 0, bytes_read, bytes_total } = ingest ?? {};
  const examined = typeof ingest?.examined === "number" ? ingest.examined : null;
  const share =
    phase === "packing" && bytes_total
      ? (bytes_read ?? 0) / bytes_total
      : phase === "embedding" && accepted && examined !== null
        ? examined / accepted
        : null;
  return (
    <section className="panel-box" aria-label={t.packing}>
      <div className="row">
        <h2>{dataset.name}</h2>
        <span className="muted" role="status">
          {phase === "packing" || phase === "embedding" || phase === "comparing"
            ? t[`phase_${phase}`]
            : t.packing}
        </span>
      </div>
      <progress {...(share === null ? {} : { value: share })} aria-label={t.packing} />
      {ingest !== null && (
        <p className="muted number">
          {t.packed(n(accepted ?? 0), n(rejected ?? 0))}
          {bytes_total ? ` · ${t.uploadedOf(bytes(bytes_read ?? 0), bytes(bytes_total))}` : ""}
        </p>
      )}
    </section>
  );
}
