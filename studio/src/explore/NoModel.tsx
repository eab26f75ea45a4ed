import type { Model } from "../api/client";
import { hasEnded, useCurrentJobs } from "../api/queries";
import { useTexts } from "../i18n";
import { navigate } from "../state/address";
import { screenQuery } from "../state/screen";
import { Notice } from "../ui/Notice";

/** What is shown until a model has a checkpoint. */
export function NoModel({ models }: { models: readonly Model[] }) {
  const { t } = useTexts();
  const jobs = useCurrentJobs(true);
  const importing = jobs.data?.items.some((job) => job.kind === "import" && !hasEnded(job.status));
  if (jobs.data === undefined) return <Notice title={t.loading} quiet />;
  if (importing) return <Notice title={t.firstModel} text={t.firstModelHelp} busy={t.loading} />;
  const training = jobs.data.items.find((job) => job.kind === "train" && !hasEnded(job.status));
  return (
    <Notice
      title={models.length > 0 ? t.training : t.noModel}
      text={t.noModelHelp}
      action={{
        text: t.train,
        onPress: () => navigate(screenQuery("train", { job: training?.id ?? null })),
      }}
    />
  );
}

/** What is shown in place of the model that the address names, while others have pictures. */
export function NoPictures({ model, isKnown }: { model: string; isKnown: boolean }) {
  const { t } = useTexts();
  return isKnown ? (
    <Notice
      title={t.modelWithoutPictures(model)}
      text={t.modelWithoutPicturesHelp}
      action={{ text: t.itsJobs, onPress: () => navigate(screenQuery("jobs", { model })) }}
    />
  ) : (
    <Notice
      title={t.modelMissing(model)}
      text={t.modelMissingHelp}
      action={{ text: t.models, onPress: () => navigate(screenQuery("models")) }}
    />
  );
}
