import { useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import type { Quote } from "./queries";
import { useTrainTexts } from "./texts";

/** What the training takes on the machine that runs it, and what the service warns of. */
export function QuoteBox({
  quote,
  error,
  isMeasuring,
}: {
  quote: Quote | undefined;
  error: Error | null;
  isMeasuring: boolean;
}) {
  const t = useTrainTexts();
  const { n, t: common } = useTexts();
  const { bytes, duration } = useFormats();
  if (error !== null) {
    return (
      <p className="alert" role="alert">
        <strong>{t.quoteFailed}</strong>
        <span lang="en">{error.message || common.offline}</span>
      </p>
    );
  }
  const estimate = quote?.estimate;
  const rate = estimate?.images_per_second ?? null;
  return (
    <div className="panel-box quote">
      <p className="quote-time" role="status">
        {estimate === undefined
          ? t.measuring
          : estimate.seconds === null
            ? t.timeUnknown
            : duration(estimate.seconds)}
        {isMeasuring && estimate !== undefined && <span className="muted"> · {t.measuring}</span>}
      </p>
      {estimate !== undefined && (
        <p className="muted">
          {t.measuredOn(
            estimate.measured_on,
            estimate.device.toUpperCase(),
            rate === null ? "–" : n(rate, rate < 10 ? 1 : 0),
          )}
          {" · "}
          {bytes(estimate.memory_bytes)}
          {" · "}
          {t.disk(bytes(estimate.disk_bytes))}
        </p>
      )}
      {quote !== undefined && quote.warnings.length > 0 && (
        <div className="warnings">
          <h3>{t.beforeYouStart}</h3>
          <ul lang="en">
            {quote.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
