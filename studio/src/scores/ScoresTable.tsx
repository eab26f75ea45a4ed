import { useScreenTexts, useTexts } from "../i18n";
import {
  closeness,
  intervalOf,
  type Metrics,
  noiseScore,
  realScore,
  roundScore,
  SCORE_NAMES,
  type Score,
  scoreOf,
} from "./scores";
import { SCORE_TEXTS } from "./texts";

const DIGITS = 6;

/** The scores of a checkpoint beside those of real images and of noise, with what they mean. */
export function ScoresTable({ metrics }: { metrics: Metrics }) {
  const t = useScreenTexts(SCORE_TEXTS);
  const { n } = useTexts();
  const figure = (value: number | null) => (value === null ? "–" : n(roundScore(value), DIGITS));
  const { embedding, images } = metrics;
  return (
    <>
      <table className="table cards scores">
        <thead>
          <tr>
            <th>{t.score}</th>
            <th className="numeric">{t.value}</th>
            <th className="numeric">{t.realImages}</th>
            <th className="numeric">{t.noise}</th>
          </tr>
        </thead>
        <tbody>
          {SCORE_NAMES.filter((score) => scoreOf(metrics, score) !== null).map((score) => (
            <tr key={score}>
              <td>
                <div className="score">
                  <span className="score-name">{t[score]}</span>
                  <small className="muted">{t[`meaning_${score}`]}</small>
                  <Closeness metrics={metrics} score={score} />
                </div>
              </td>
              <td className="numeric" data-label={t.value}>
                {figure(scoreOf(metrics, score))}
                <Interval metrics={metrics} score={score} />
              </td>
              <td className="numeric muted" data-label={t.realImages}>
                {figure(realScore(metrics, score))}
              </td>
              <td className="numeric muted" data-label={t.noise}>
                {figure(noiseScore(metrics, score))}
              </td>
            </tr>
          ))}
          <Inception metrics={metrics} />
        </tbody>
      </table>
      {typeof embedding === "string" && typeof images === "number" && (
        <p className="muted small">{t.comparable(n(images), embedding)}</p>
      )}
    </>
  );
}

function Interval({ metrics, score }: { metrics: Metrics; score: Score }) {
  const t = useScreenTexts(SCORE_TEXTS);
  const { n } = useTexts();
  const interval = intervalOf(metrics, score);
  if (interval === null) return null;
  return (
    <small className="muted score-interval">
      {t.interval(n(roundScore(interval[0]), DIGITS), n(roundScore(interval[1]), DIGITS))}
    </small>
  );
}

function Closeness({ metrics, score }: { metrics: Metrics; score: Score }) {
  const t = useScreenTexts(SCORE_TEXTS);
  const { n } = useTexts();
  const share = closeness(metrics, score);
  if (share === null) return null;
  const label = t.place(`${n(100 * share)} %`);
  return <meter value={share} min={0} max={1} aria-label={label} title={label} />;
}

/** The scores of Inception, where the service could compute them. */
function Inception({ metrics }: { metrics: Metrics }) {
  const t = useScreenTexts(SCORE_TEXTS);
  const { n } = useTexts();
  const inception = metrics.inception as Metrics | undefined;
  return (["fid", "kid"] as const).map((score) => {
    const value = scoreOf(inception ?? null, score);
    return (
      value !== null && (
        <tr key={score}>
          <td>{t[`inception_${score}`]}</td>
          <td className="numeric" data-label={t.value}>
            {n(roundScore(value), DIGITS)}
          </td>
          <td />
          <td />
        </tr>
      )
    );
  });
}
