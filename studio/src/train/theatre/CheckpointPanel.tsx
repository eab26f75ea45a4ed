import type { Job } from "../../api/client";
import { hasEnded, useJobCheckpoints } from "../../api/queries";
import { useTexts } from "../../i18n";
import { useFormats } from "../../i18n/formats";
import { scoreOf } from "../../scores/scores";
import { ErrorText } from "../../sentences/ErrorText";
import { screenQuery } from "../../state/screen";
import { ScreenLink } from "../../ui/ScreenLink";
import { useTrainTexts } from "../texts";

/** The checkpoints as they come: each can be explored while the training goes on, and be the start
 * of another one. */
export function CheckpointPanel({ job }: { job: Job }) {
  const t = useTrainTexts();
  const { t: common, n } = useTexts();
  const { moment } = useFormats();
  const { checkpoints, error } = useJobCheckpoints(job);
  return (
    <section className="panel-box" aria-labelledby="checkpoints-title">
      <h2 id="checkpoints-title">{t.checkpoints}</h2>
      {checkpoints === undefined && error === null && <p className="muted">{common.loading}…</p>}
      {checkpoints === undefined && error !== null && (
        <p className="field-error" role="alert">
          <ErrorText error={error} />
        </p>
      )}
      {checkpoints?.length === 0 && (
        <p className="muted">{hasEnded(job.status) ? t.endedWithoutCheckpoint : t.noCheckpoints}</p>
      )}
      <ul className="checkpoint-rows" aria-live="polite">
        {checkpoints?.map((checkpoint) => {
          const kid = scoreOf(checkpoint.metrics, "kid");
          const { id, images_seen, served, created_at } = checkpoint;
          return (
            <li key={id}>
              <span className="checkpoint-name">
                <strong className="number">{t.checkpointAt(n(images_seen))}</strong>
                {served && <span className="badge plain">{t.served}</span>}
                <small className="muted number">
                  {kid === null ? moment(created_at) : `${t.kid} ${n(kid, 3)}`}
                </small>
              </span>
              <ScreenLink
                className="chip"
                query={screenQuery("explore", { model: job.model, checkpoint: id })}
              >
                {t.explore}
              </ScreenLink>
              <ScreenLink
                className="chip"
                query={screenQuery("train", { dataset: job.dataset, from: id })}
              >
                {t.fineTune}
              </ScreenLink>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
