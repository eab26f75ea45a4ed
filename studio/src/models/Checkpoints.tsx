import { Button } from "react-aria-components";
import type { Checkpoint, Model } from "../api/client";
import { useScreenTexts, useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { ScoreChart } from "../scores/ScoreChart";
import { realScore, roundScore, SCORE_NAMES, type Score, scoreOf } from "../scores/scores";
import { SCORE_TEXTS } from "../scores/texts";
import { ErrorText } from "../sentences/ErrorText";
import { screenQuery } from "../state/screen";
import { Chooser } from "../ui/controls";
import { ScreenLink } from "../ui/ScreenLink";
import { ExportButton } from "./ExportButton";
import { useServe } from "./queries";
import { TEXTS } from "./texts";

const COLUMNS = ["kid", "frechet", "precision", "recall"] as const satisfies Score[];

/** The checkpoints of a model, newest first, with their scores over the images that they had seen. */
export function Checkpoints({
  model,
  checkpoints,
  score,
  onScore,
}: {
  model: Model;
  checkpoints: readonly Checkpoint[];
  score: Score;
  onScore: (score: Score) => void;
}) {
  const t = useScreenTexts(TEXTS);
  const words = useScreenTexts(SCORE_TEXTS);
  const serve = useServe(model.name);
  const points = checkpoints.flatMap((checkpoint) => {
    const value = scoreOf(metricsOf(checkpoint), score);
    const { id, job, images_seen: images, served } = checkpoint;
    return value === null ? [] : [{ id, line: job ?? "", images, value, served }];
  });
  const newest = checkpoints.find((checkpoint) => metricsOf(checkpoint) !== null);
  const metrics = newest === undefined ? null : metricsOf(newest);
  return (
    <section className="panel-box" aria-labelledby="model-checkpoints">
      <div className="row">
        <h2 id="model-checkpoints">{t.checkpoints}</h2>
        {metrics !== null && (
          <Chooser
            label={t.chartScore}
            choices={SCORE_NAMES.map((key) => ({ key, text: words[key] }))}
            chosen={score}
            onChoose={onScore}
          />
        )}
      </div>
      {points.length > 1 && metrics !== null ? (
        <ScoreChart score={score} points={points} real={realScore(metrics, score)} />
      ) : (
        metrics !== null && <p className="muted small">{t.chartNeedsTwo}</p>
      )}
      {model.pinned && (
        <div className="row pinned">
          <p>{t.pinnedNote}</p>
          <Button
            className="button"
            isDisabled={serve.isPending}
            onPress={() => serve.mutate(null)}
          >
            {t.serveBest}
          </Button>
        </div>
      )}
      {serve.error !== null && (
        <p className="field-error" role="alert">
          <ErrorText error={serve.error} />
        </p>
      )}
      <div className="scroll-x">
        <table className="table cards checkpoints">
          <thead>
            <tr>
              <th className="numeric">{t.images}</th>
              <th>{t.date}</th>
              {COLUMNS.map((column) => (
                <th key={column} className="numeric">
                  {words[column]}
                </th>
              ))}
              <th className="numeric">{t.bytes}</th>
              <th>
                <span className="live">{t.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {checkpoints.map((checkpoint) => (
              <Row
                key={checkpoint.id}
                checkpoint={checkpoint}
                isServing={serve.isPending}
                onServe={() => serve.mutate(checkpoint.id)}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({
  checkpoint,
  isServing,
  onServe,
}: {
  checkpoint: Checkpoint;
  isServing: boolean;
  onServe: () => void;
}) {
  const t = useScreenTexts(TEXTS);
  const words = useScreenTexts(SCORE_TEXTS);
  const { n } = useTexts();
  const formats = useFormats();
  const images = n(checkpoint.images_seen);
  return (
    <tr>
      <td className="numeric" data-label={t.images}>
        {images}
      </td>
      <td className="nowrap" data-label={t.date}>
        {formats.moment(checkpoint.created_at)}
      </td>
      {COLUMNS.map((column) => {
        const value = scoreOf(metricsOf(checkpoint), column);
        return (
          <td key={column} className="numeric" data-label={words[column]}>
            {value === null ? "–" : n(roundScore(value), 6)}
          </td>
        );
      })}
      <td className="numeric nowrap" data-label={t.bytes}>
        {formats.bytes(checkpoint.bytes)}
      </td>
      <td>
        <div className="row-actions">
          {checkpoint.served ? (
            <span className="badge succeeded">{t.served}</span>
          ) : (
            <Button
              className="button small"
              aria-label={t.serveThis(images)}
              isDisabled={isServing}
              onPress={onServe}
            >
              {t.serve}
            </Button>
          )}
          <ScreenLink
            className="button small"
            aria-label={t.exploreThis(images)}
            query={screenQuery("explore", {
              model: checkpoint.model,
              checkpoint: checkpoint.id,
            })}
          >
            {t.explore}
          </ScreenLink>
          <ExportButton checkpoint={checkpoint} />
        </div>
      </td>
    </tr>
  );
}

/** The scores of a checkpoint; of an imported one those that came with it. */
function metricsOf(checkpoint: Checkpoint) {
  return checkpoint.metrics ?? checkpoint.imported?.metrics ?? null;
}
