import type { Job } from "../../api/client";
import { useCheckpoints } from "../../api/queries";
import { useTexts } from "../../i18n";
import { useFormats } from "../../i18n/formats";
import { scoreOf } from "../../scores/scores";
import { screenQuery } from "../../state/screen";
import { ScreenLink } from "../../ui/ScreenLink";
import { useTrainTexts } from "../texts";

/** The checkpoints as they come: each can be explored while the training goes on, and be the start
 * of another one. */
export function CheckpointPanel({ job }: { job: Job }) {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { moment } = useFormats();
  const items = useCheckpoints(job.model ?? "").data?.items ?? [];
  const own = items.filter((checkpoint) => checkpoint.job === job.id);
  return (
    <section className="panel-box" aria-labelledby="checkpoints-title">
      <h2 id="checkpoints-title">{t.checkpoints}</h2>
      {own.length === 0 && <p className="muted">{t.noCheckpoints}</p>}
      <ul className="checkpoint-rows" aria-live="polite">
        {own.map((checkpoint) => {
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
