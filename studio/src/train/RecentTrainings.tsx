import { useTrainings } from "../api/jobs";
import { useTexts } from "../i18n";
import { useFormats } from "../i18n/formats";
import { screenQuery } from "../state/screen";
import { ScreenLink } from "../ui/ScreenLink";
import { StatusBadge } from "../ui/StatusBadge";
import { useTrainTexts } from "./texts";

const SHOWN = 6;

/** The newest trainings, which lead to their theatre. */
export function RecentTrainings() {
  const t = useTrainTexts();
  const { n } = useTexts();
  const { moment } = useFormats();
  const items = useTrainings().data?.items.slice(0, SHOWN) ?? [];
  if (items.length === 0) return null;
  return (
    <section className="train-section" aria-labelledby="trainings-title">
      <h2 id="trainings-title">{t.trainings}</h2>
      <ul className="training-rows">
        {items.map((job) => (
          <li key={job.id}>
            <ScreenLink className="training-row" query={screenQuery("train", { job: job.id })}>
              <strong>{job.model}</strong>
              <span className="muted">
                {t.imagesOf(n(job.progress.images_seen), n(job.progress.images_total ?? 0))}
              </span>
              <span className="muted wide-only">{moment(job.created_at)}</span>
              <StatusBadge job={job} />
            </ScreenLink>
          </li>
        ))}
      </ul>
    </section>
  );
}
