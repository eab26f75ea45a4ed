import { Meter } from "react-aria-components";
import type { Checkpoint, Job } from "../../api/client";
import { hasEnded, useJobCheckpoints } from "../../api/queries";
import { useTexts } from "../../i18n";
import { closeness, noiseScore, realScore, scoreOf } from "../../scores/scores";
import { useTrainTexts } from "../texts";
import { Evaluation } from "./Evaluation";
import { Shares } from "./Shares";

const DISTANCES = ["kid", "frechet"] as const;
type Distance = (typeof DISTANCES)[number];

/** How near the checkpoints have come to the pictures, between noise and other real pictures. */
export function ScorePanel({ job }: { job: Job }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { checkpoints } = useJobCheckpoints(job); // the panel of the checkpoints shows an error
  const last = checkpoints?.[0];
  const scored = checkpoints?.filter(({ metrics }) => metrics !== null) ?? [];
  const newest = scored[0];
  return (
    <section className="panel-box" aria-labelledby="scores-title">
      <div className="row">
        <h2 id="scores-title">{t.scores}</h2>
        {newest !== undefined && (
          <span className="muted number">{t.atImages(n(newest.images_seen))}</span>
        )}
      </div>
      {newest?.metrics ? (
        <>
          {DISTANCES.map((distance) => (
            <ScoreRange key={distance} distance={distance} scored={scored} />
          ))}
          <Shares metrics={newest.metrics} />
        </>
      ) : (
        checkpoints !== undefined && (
          <p className="muted">{hasEnded(job.status) ? t.endedWithoutScores : t.noScores}</p>
        )
      )}
      {last !== undefined && job.dataset !== null && (
        <Evaluation key={last.id} checkpoint={last.id} dataset={job.dataset} />
      )}
    </section>
  );
}

/** The way from noise to the pictures, with a dot for each checkpoint. */
function ScoreRange({ distance, scored }: { distance: Distance; scored: readonly Checkpoint[] }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const newest = scored[0]?.metrics ?? null;
  const place = newest === null ? null : closeness(newest, distance);
  if (newest === null || place === null) return null;
  const digits = 3;
  return (
    <div className="score-range">
      <div className="row">
        <span>{t[distance]}</span>
        <strong className="number">{n(scoreOf(newest, distance) ?? 0, digits)}</strong>
      </div>
      <Meter
        className="score-track"
        aria-label={t[distance]}
        value={100 * place}
        valueLabel={t.scoreBar(`${n(100 * place)} %`)}
      >
        <div className="score-fill" style={{ width: `${100 * place}%` }} />
        {scored.map(({ id, metrics }, index) => {
          const at = metrics === null ? null : closeness(metrics, distance);
          return (
            at !== null && (
              <span
                key={id}
                className={`score-dot ${index === 0 ? "newest" : ""}`}
                style={{ left: `${100 * at}%` }}
              />
            )
          );
        })}
      </Meter>
      <div className="row muted score-ends number">
        <span>
          {t.noise} {n(noiseScore(newest, distance) ?? 0, digits)}
        </span>
        <span>
          {t.yourPictures} {n(realScore(newest, distance) ?? 0, digits)}
        </span>
      </div>
    </div>
  );
}
