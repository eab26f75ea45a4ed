import { useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { ErrorText } from "../sentences/ErrorText";
import { Said } from "../sentences/Said";
import { machine, warningOf } from "../sentences/warnings";
import { usePreferences } from "../state/preferences";
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
  const { n } = useTexts();
  const { bytes, duration } = useFormats();
  const [{ language }] = usePreferences();
  if (error !== null) {
    return (
      <p className="alert" role="alert">
        <strong>{t.quoteFailed}</strong>
        <span>
          <ErrorText error={error} />
        </span>
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
            language === "ja" ? machine(estimate.worker) : estimate.measured_on,
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
          <ul>
            {quote.warnings.map((warning, index) => (
              <li key={warning}>
                <Said english={warning} japanese={warningOf(quote.warning_facts[index])} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
